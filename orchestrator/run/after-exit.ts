import { blockedStreak } from './blocked.ts'
import { crashLoop } from './crash-loop.ts'
import type { Job } from './job.ts'
import type { JobError, Outcome } from './job-events.ts'

/**
 * What follows from how an attempt ended.
 * - collect: its outputs are taken
 * - fail: trying again would end the same
 * - retry: tried again after a back-off, as often as `retry.crashes` allows, unless it crashes at the same place twice
 * - replace: not the job's fault: placed again at once, no retry spent
 * - wait: not the job's fault either, but what it needs is away: placed again ever less often, no retry spent
 */
export type Policy = 'collect' | 'fail' | 'retry' | 'replace' | 'wait'

export const policyOf: Record<Outcome['kind'], Policy> = {
  done: 'collect',
  misused: 'fail',
  outOfMemory: 'fail',
  crashed: 'retry',
  hung: 'retry',
  stopped: 'replace',
  preempted: 'replace',
  nodeLost: 'replace',
  blocked: 'wait',
}

const MOST_MS = 300_000
const BLOCKED_MS = 5_000
const LOST_MS = 5_000

/** Why the job is over with this end of an attempt, or null when it isn't. */
export function fatalEnd(job: Job, shard: number, outcome: Outcome): JobError | null {
  if (!('error' in outcome)) return null
  const policy = policyOf[outcome.kind]
  if (policy === 'fail') return outcome.error
  if (policy !== 'retry') return null
  return job.crashes >= job.planned.retry.crashes ? outcome.error : crashLoop(job, shard)
}

/** When the shard may be placed again, in Unix milliseconds. */
export function placeAgainAt(job: Job, shard: number, outcome: Outcome, now: number): number {
  const policy = policyOf[outcome.kind]
  if (policy === 'retry') return now + doubled(job.planned.retry.backoffMs, job.crashes)
  if (outcome.kind === 'nodeLost')
    return now + (lostStreak(job, shard) > 1 ? doubled(LOST_MS, lostStreak(job, shard) - 1) : 0)
  if (policy === 'wait') return now + doubled(BLOCKED_MS, blockedStreak(job, shard).length)
  return now
}

/** How often nodes were lost under a shard in a row. A place that loses every attempt at once is not asked without a pause. */
function lostStreak(job: Job, shard: number): number {
  const ended = job.attempts.filter((attempt) => attempt.shard === shard && attempt.outcome !== null)
  const last = ended.findLastIndex((attempt) => attempt.outcome?.kind !== 'nodeLost')
  return ended.length - 1 - last
}

const doubled = (first: number, times: number): number => Math.min(first * 2 ** Math.max(0, times - 1), MOST_MS)
