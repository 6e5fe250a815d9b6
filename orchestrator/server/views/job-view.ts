import type { Attempt, Job } from '../../run/job.ts'
import { isOver, stateName } from '../../run/job.ts'
import type { Run } from '../../run/run.ts'
import type { AttemptView, JobView, Progress } from '../api.ts'
import type { AttemptLog } from '../attempt-log.ts'
import type { Context } from '../conduct/context.ts'
import { cellsOf } from './cells-of.ts'
import { toldBy } from './told-by.ts'
import { waitsOf } from './waits.ts'

export async function jobView(context: Context, job: Job, run: Run): Promise<JobView> {
  const id = run.submitted.run
  const attempts = job.attempts.filter((attempt) => !attempt.revoked)
  const own = attempts.filter((attempt) => (attempt.endedAt ?? Number.POSITIVE_INFINITY) >= run.submitted.at)
  return {
    key: job.key,
    stage: job.planned.stage,
    cells: cellsOf(run, job.key),
    pool: job.planned.pool,
    needs: job.planned.needs,
    state: stateName(job),
    cached: isCached(job, run),
    attempts: own.length,
    shards: {
      total: job.shards.length,
      done:
        job.phase === 'succeeded'
          ? job.shards.length
          : job.shards.filter((shard) => shard.state === 'committed').length,
      running: job.shards.filter((shard) => shard.state === 'running').length,
    },
    progress: isOver(job) ? null : progressOf(await latestLogs(context, attempts), job.shards.length),
    waits: waitsOf(context, job),
    error: job.error,
    warnings: isCached(job, run) ? [] : (await toldBy(context, job, run)).warnings,
    metrics: job.metrics,
    summary: job.summary,
    startedAt: own[0]?.placedAt ?? null,
    endedAt: job.endedAt,
    sharedWith: [...job.wants.keys()].filter((other) => other !== id),
  }
}

/** It was there before the run asked for it. */
export const isCached = (job: Job, run: Run): boolean =>
  job.phase === 'succeeded' && (job.endedAt ?? 0) <= run.submitted.at

function latestLogs({ logs }: Context, attempts: readonly Attempt[]): Promise<AttemptLog[]> {
  const latest = new Map(attempts.map(({ shard, attempt }) => [shard, attempt]))
  return Promise.all([...latest.values()].map((attempt) => logs.get(attempt)))
}

/** Shards add up: their steps, their rates. */
export function progressOf(logs: AttemptLog[], shards: number): Progress | null {
  const started = logs.filter((log) => log.progress !== null)
  const first = started[0]
  if (!first?.progress) return null
  const sum = (pick: (log: AttemptLog) => number): number => started.reduce((total, log) => total + pick(log), 0)
  const step = sum((log) => log.progress?.step ?? 0)
  const of = sum((log) => log.progress?.of ?? 0) * (shards / started.length)
  const rate = sum((log) => rateOf(log) ?? 0)
  const loss = first.series.get('loss')?.points.map(([, value]) => value) ?? []
  const saved = first.saved.at(-1)
  return {
    step,
    of,
    unit: first.progress.unit,
    rate: rate > 0 ? rate : null,
    eta: rate > 0 ? finite(Math.max(0, of - step) / rate) : null,
    loss: loss.at(-1) ?? null,
    curve: thin(loss, 60),
    savedAt: saved?.step ?? null,
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

function rateOf(log: AttemptLog): number | null {
  const [first, last] = [log.recent[0], log.recent.at(-1)]
  if (!first || !last || last.at <= first.at) return null
  return ((last.step - first.step) * 1000) / (last.at - first.at)
}

/** At most `most` values, each the mean of its share. */
export function thin(values: number[], most: number): number[] {
  if (values.length <= most) return values
  return Array.from({ length: most }, (_, i) => {
    const part = values.slice(Math.floor((i * values.length) / most), Math.floor(((i + 1) * values.length) / most))
    return part.reduce((mean, value) => mean + value / part.length, 0) // a sum may overflow
  })
}

export function attemptView(context: Context, job: Job, attempt: Attempt): AttemptView {
  const outcome = attempt.outcome
  const state = attempt.revoked ? 'revoked' : outcome ? 'exited' : attempt.startedAt === null ? 'placed' : 'running'
  return {
    attempt: attempt.attempt,
    shard: attempt.shard,
    fence: attempt.fence,
    state,
    host: attempt.host,
    outcome: outcome?.kind ?? null,
    error: outcome && 'error' in outcome ? outcome.error : null,
    placedAt: attempt.placedAt,
    startedAt: attempt.startedAt,
    endedAt: attempt.endedAt,
    resumed: attempt.resume[0] ?? null,
    directory: context.engine(job.planned.pool).directory(attempt.attempt),
  }
}
