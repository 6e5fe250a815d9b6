import type { Attempt, Job } from './job.ts'
import type { JobError } from './job-events.ts'

/**
 * Says so when the shard's last two attempts crashed by their own doing at the same step with the same error, and nothing
 * was committed in between: it would crash there a third time. Null otherwise.
 */
export function crashLoop(job: Job, shard: number): JobError | null {
  const wantedAt = Math.max(0, ...[...job.wants.values()].map((want) => want.at)) // a new want tries anew
  const [first, second] = job.attempts
    .filter((attempt) => attempt.shard === shard && !attempt.revoked && (attempt.endedAt ?? 0) >= wantedAt)
    .slice(-2)
  const [before, again] = [ownCrash(first), ownCrash(second)]
  if (!first || !second || !before || !again) return null
  if (second.reached === null || first.reached !== second.reached) return null
  if (before.code !== again.code || second.step !== null) return null
  return {
    ...again,
    code: 'CRASH_LOOP',
    message: `crashed twice at step ${second.reached} (attempts ${first.attempt}, ${second.attempt}): ${again.code}: ${again.message}`,
    hint: again.hint ?? 'mend what goes wrong at that step; `orchestrate resume` then goes on from the last checkpoint',
  }
}

/** Not of an attempt that was killed from outside, or whose launcher was: that says nothing about the step. */
function ownCrash(attempt: Attempt | undefined): JobError | null {
  const outcome = attempt?.outcome
  return outcome?.kind === 'crashed' && outcome.by === 'worker' ? outcome.error : null
}
