import { fatalEnd, placeAgainAt, policyOf } from './after-exit.ts'
import { attemptOf, isActive, isWanted, type Job, type Shard } from './job.ts'
import type { JobError, StopReason } from './job-events.ts'

/** What has to be done about a job next; each is idempotent, since it may be decided again before it has been recorded. */
export type JobCommand =
  | { kind: 'makeReady' }
  | { kind: 'place'; shard: number }
  | { kind: 'wake'; at: number }
  | { kind: 'launch'; shard: number; fence: number }
  | { kind: 'watch'; shard: number; fence: number }
  | { kind: 'revoke'; shard: number; fence: number }
  | { kind: 'terminate'; shard: number; fence: number; reason: StopReason }
  | { kind: 'collect'; shard: number; fence: number }
  | { kind: 'retry'; shard: number; notBefore: number }
  | { kind: 'publish' }
  | { kind: 'fail'; error: JobError }
  | { kind: 'cancel' }

/** What is known of the job that an input comes from. */
export type InputState = {
  key: string
  stage: string
  state: 'pending' | 'succeeded' | 'failed' | 'cancelled'
  error: JobError | null
}

/**
 * What to do next about one job. Level-triggered: it looks at how things are, not at what just happened, so calling it
 * twice, late, or after a crash gives the same answer.
 */
export function decideJob(job: Job, inputs: readonly InputState[], now: number): JobCommand[] {
  switch (job.phase) {
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return []
    case 'waiting': // looks at its inputs itself: the message that they are done may have been lost
      return isWanted(job) ? afterInputs(inputs) : [{ kind: 'cancel' }]
    case 'open':
      return isWanted(job)
        ? advance(job, now)
        : windDown(job, job.unwantedMode === 'now' ? 'now' : 'unwanted', { kind: 'cancel' })
    default:
      return unreachable(job.phase)
  }
}

function afterInputs(inputs: readonly InputState[]): JobCommand[] {
  const failed = inputs.find((input) => input.state === 'failed')
  if (failed) {
    const cause =
      failed.error?.code === 'INPUT_FAILED'
        ? failed.error.message
        : `${failed.stage} failed: ${failed.error?.message ?? 'no reason recorded'}`
    return [
      {
        kind: 'fail',
        error: { code: 'INPUT_FAILED', message: cause, hint: null, input: failed.error?.input ?? failed.key },
      },
    ]
  }
  // A cancelled input is about to be wanted again, or this job to be unwanted: whoever does it looks here again.
  return inputs.every((input) => input.state === 'succeeded') ? [{ kind: 'makeReady' }] : []
}

function advance(job: Job, now: number): JobCommand[] {
  const fatal = fatalError(job)
  if (fatal) return windDown(job, 'sibling', { kind: 'fail', error: fatal })
  if (job.shards.every((shard) => shard.state === 'committed')) return [{ kind: 'publish' }]
  return job.shards.flatMap((shard, index) => advanceShard(job, shard, index, now))
}

function advanceShard(job: Job, shard: Shard, index: number, now: number): JobCommand[] {
  switch (shard.state) {
    case 'idle':
      return now >= shard.notBefore ? [{ kind: 'place', shard: index }] : [{ kind: 'wake', at: shard.notBefore }]
    case 'placed':
      return [{ kind: 'launch', shard: index, fence: shard.fence }]
    case 'running':
      return [{ kind: 'watch', shard: index, fence: shard.fence }]
    case 'exited':
      return policyOf[shard.outcome.kind] === 'collect'
        ? [{ kind: 'collect', shard: index, fence: shard.fence }]
        : [{ kind: 'retry', shard: index, notBefore: placeAgainAt(job, index, shard.outcome, now) }]
    case 'committed':
      return []
    default:
      return unreachable(shard)
  }
}

/** Ends whatever is still active, and only then says the last word: a job that is over has no running process. */
function windDown(job: Job, reason: StopReason, last: JobCommand): JobCommand[] {
  const ending = job.shards.flatMap((shard, index): JobCommand[] => {
    if (shard.state === 'placed') return [{ kind: 'revoke', shard: index, fence: shard.fence }]
    if (shard.state !== 'running') return []
    const said = attemptOf(job, index, shard.fence)?.stopping
    const again = said === reason || said === 'now'
    const watch: JobCommand = { kind: 'watch', shard: index, fence: shard.fence }
    return again ? [watch] : [watch, { kind: 'terminate', shard: index, fence: shard.fence, reason }]
  })
  return job.shards.some(isActive) ? ending : [last]
}

function fatalError(job: Job): JobError | null {
  for (const [index, shard] of job.shards.entries()) {
    const error = shard.state === 'exited' ? fatalEnd(job, index, shard.outcome) : null
    if (error) return error
  }
  return null
}

function unreachable(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`)
}
