import { limits } from '../../limits.ts'
import { decideJob, type JobCommand } from '../../run/decide-job.ts'
import { attemptOf, type Job } from '../../run/job.ts'
import { jobAggregate } from '../aggregates.ts'
import { inputsOf } from './conduct-job.ts'
import { type Context, capacityAggregate, capacityOf } from './context.ts'
import { runsUnderWay } from './look.ts'

/** `capacities`: those that something waits for. */
export type Due = { aggregates: string[]; capacities: string[] }

/**
 * What has something to do now, whatever messages were lost. Jobs that only wait are many, and aren't looked at one by one:
 * it is the capacity that they wait for that places them.
 */
export function whatIsDue(context: Context): Due {
  const { aggregates } = context
  const capacities = new Set(context.owing)
  const due = [...aggregates.index.unfinished.values()].filter((job) => {
    const aggregate = jobAggregate(job.key)
    if (context.failing.has(aggregate) || aggregates.isStale(aggregate)) return true
    const commands = decideJob(job, inputsOf(context, job), Date.now())
    if (commands.some(({ kind }) => kind === 'place')) capacities.add(capacityOf(context, job))
    return commands.some((command) => !isSeenTo(context, job, command))
  })
  return {
    aggregates: [...due.map(({ key }) => jobAggregate(key)), ...runsUnderWay(context)],
    capacities: [...capacities].map(capacityAggregate),
  }
}

function isSeenTo({ watched, signalled, queued }: Context, job: Job, command: JobCommand): boolean {
  switch (command.kind) {
    case 'place': // by the capacity
    case 'wake': // once it is due, it is to be placed
      return true
    case 'watch': {
      const attempt = attemptOf(job, command.shard, command.fence)
      if (!attempt || !watched.has(attempt.attempt)) return false
      return attempt.stopping === null || signalled.get(attempt.attempt) === attempt.stopping
    }
    case 'launch': {
      // A scheduler has it, and somebody waits for its start: only why it waits may have changed.
      const waitedFor = queued.get(attemptOf(job, command.shard, command.fence)?.attempt ?? '')
      return waitedFor !== undefined && Date.now() - waitedFor.lookedAt < queued.size * limits.daemon.queuedEach
    }
    default:
      return false
  }
}
