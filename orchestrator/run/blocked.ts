import type { Attempt, Job } from './job.ts'

/**
 * The shard's latest attempts that were blocked, one after the other, oldest first; empty when the last one was not. One
 * that committed something begins anew: until then nothing was in its way.
 */
export function blockedStreak(job: Job, shard: number): Attempt[] {
  const ends = job.attempts.filter((attempt) => attempt.shard === shard && !attempt.revoked && attempt.outcome !== null)
  const free = ends.findLastIndex(({ outcome }) => outcome?.kind !== 'blocked')
  const committed = ends.findLastIndex(({ step }) => step !== null)
  return ends.slice(Math.max(free + 1, committed))
}
