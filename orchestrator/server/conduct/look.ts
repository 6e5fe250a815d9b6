import { OrchestrateError } from '../../errors.ts'
import { isOver } from '../../run/job.ts'
import type { JobEvent } from '../../run/job-events.ts'
import { isStopping } from '../../run/run.ts'
import { type Changed, jobAggregate, runAggregate } from '../aggregates.ts'
import { conductJob } from './conduct-job.ts'
import { conductRun } from './conduct-run.ts'
import { type Context, capacityAggregate, capacityOf } from './context.ts'
import { placeIn } from './place.ts'

/** Looks at a job, a run or a pool, and does what its state asks for. */
export async function look(context: Context, aggregate: string): Promise<void> {
  try {
    await context.control.awake()
    await context.aggregates.freshen(aggregate)
    await conduct(context, aggregate)
    if (context.failing.delete(aggregate)) context.changes.tell()
  } catch (error) {
    const since = context.failing.get(aggregate)?.since ?? Date.now()
    const code = error instanceof OrchestrateError ? ` (${error.code})` : ''
    context.failing.set(aggregate, { reason: `${(error as Error).message}${code}; trying again`, since })
    context.changes.tell()
    throw error
  }
}

function conduct(context: Context, aggregate: string): Promise<void> {
  const [kind, ...rest] = aggregate.split('/')
  const name = rest.join('/')
  if (kind === 'job') return conductJob(context, name)
  if (kind === 'run') return conductRun(context, name)
  return placeIn(context, name)
}

/** Whether others of its pool may now be placed, or in another order. */
const movesPool: Record<JobEvent['type'], boolean> = {
  'job.defined': false,
  'job.wanted': true,
  'job.unwanted': true,
  'job.ready': true,
  'attempt.placed': false,
  'attempt.started': false,
  'attempt.stopping': false,
  'attempt.revoked': true,
  'attempt.exited': true,
  'shard.retried': true,
  'shard.committed': false,
  'job.succeeded': false,
  'job.failed': true,
  'job.cancelled': true,
  'job.lost': true,
}

/** Whoever has to look again when something happened to an aggregate: itself, and those who wait for it. */
export function touchedBy(context: Context, aggregate: string, events: Parameters<Changed>[1]): string[] {
  const [kind, name = ''] = aggregate.split('/')
  if (kind === 'run') return [aggregate]
  const job = context.aggregates.jobs.get(name)
  if (!job) return [aggregate]
  // Nobody wants it yet: whoever defined it is about to, and a look in between would cancel it.
  if (job.version === 1) return []
  const pool = events.some((event) => movesPool[event.type as JobEvent['type']] ?? true)
    ? [capacityAggregate(capacityOf(context, job))]
    : []
  if (!isOver(job)) return [aggregate, ...pool]
  const { jobs, runs, index } = context.aggregates
  const readers = [...index.readersOf(name)].filter((key) => jobs.get(key)?.phase === 'waiting')
  // A run has something to do once all its jobs are over; one that stops doesn't wait for those that others want.
  const ending = [...index.runsOf(name)].filter((id) => {
    const run = runs.get(id)
    if (run?.state !== 'running') return false
    const isToStop = job.phase === 'failed' && run.submitted.onFailure === 'stop'
    return isStopping(run) || isToStop || index.left(id) === 0
  })
  return [...pool, ...readers.map(jobAggregate), ...ending.map(runAggregate)]
}

/** What may have something to do after a start. */
export const everything = (context: Context): string[] => [
  ...[...context.aggregates.index.unfinished.keys()].map(jobAggregate),
  ...runsUnderWay(context),
]

export const runsUnderWay = ({ aggregates }: Context): string[] =>
  [...aggregates.runs.values()].filter((run) => run.state === 'running').map((run) => runAggregate(run.submitted.run))
