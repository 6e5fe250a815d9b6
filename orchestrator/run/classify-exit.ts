import { type AttemptExit, exitCode, type RankExit } from '../protocol/exit-record.ts'
import type { JobError, Outcome, StopReason } from './job-events.ts'

export type ExitFacts = {
  /** Null when the launcher left no record: it was killed, or its host went down. */
  exit: AttemptExit | null
  attempt: string
  stopping: StopReason | null
  /** The worker's own `failed` event, if it had time for one. */
  failed: { code: string; message: string; hint: string | null; rank: number } | null
  /** Whether it committed anything (a checkpoint, a clip, a trial) that a next attempt goes on from. */
  committed: boolean
  /** Last lines of the failing rank's standard error. */
  tail: string
  /** Outputs that the stage promises and that aren't there. */
  missingOutputs: string[]
  /** Bytes of memory that the attempt may use, or null. */
  memory: number | null
}

/**
 * Says how an attempt ended. Exit codes: 0 done; 75 asked to stop, or try again later; 64–78 the worker was misused
 * (sysexits), which stays so however often it is tried; all else is a crash.
 */
export function classifyExit(facts: ExitFacts): Outcome {
  const { exit, stopping } = facts
  if (exit?.cause === 'ranks' && exit.ranks.length > 0 && exit.ranks.every((rank) => rank.code === 0))
    return { kind: 'done' }
  if (stopping === 'hung') return { kind: 'hung', error: error(facts, 'HUNG', 'made no progress and was ended') }
  if (stopping !== null) return { kind: 'stopped' }
  if (!exit)
    return {
      kind: 'crashed',
      by: 'outside',
      error: error(facts, 'LAUNCHER_LOST', 'its launcher was killed, and with it its ranks'),
    }
  if (exit.message) return { kind: 'misused', error: error(facts, 'LAUNCH_FAILED', exit.message) }
  const bad = exit.ranks.find((rank) => rank.rank === exit.firstBad) ?? exit.ranks.find((rank) => rank.code !== 0)
  if (exit.cause === 'time')
    return { kind: 'crashed', by: 'outside', error: error(facts, 'TIME_LIMIT', 'ran into its time limit', bad) }
  if (exit.cause === 'signal') return { kind: 'preempted' }
  return fromRank(facts, bad)
}

function fromRank(facts: ExitFacts, bad: RankExit | undefined): Outcome {
  const code = bad?.code ?? null
  if (code === exitCode.tryAgain) {
    // Unprompted, and nothing was committed: trying again would go round for ever.
    return facts.committed
      ? { kind: 'preempted' }
      : {
          kind: 'crashed',
          by: 'worker',
          error: error(facts, 'NO_PROGRESS', 'asked to be tried again without having committed anything', bad),
        }
  }
  if (facts.failed?.code === 'OUT_OF_MEMORY')
    return { kind: 'outOfMemory', error: error(facts, 'OUT_OF_MEMORY', facts.failed.message, bad) }
  if (code !== null && code >= 64 && code <= 78)
    return { kind: 'misused', error: error(facts, 'WORKER_REFUSED', `ended with exit code ${code}`, bad) }
  if (bad?.signal === 'SIGKILL' && facts.memory !== null && (bad.peakRss ?? 0) >= 0.9 * facts.memory) {
    return { kind: 'outOfMemory', error: error(facts, 'OUT_OF_MEMORY', `was killed near its memory limit`, bad) }
  }
  const how = bad?.signal
    ? `was killed by ${bad.signal}`
    : code === null
      ? 'ended without an exit code'
      : `ended with exit code ${code}`
  const by = bad?.signal === 'SIGKILL' || bad?.signal === 'SIGTERM' || !bad ? 'outside' : 'worker'
  return { kind: 'crashed', by, error: error(facts, 'CRASHED', how, bad) }
}

function error(facts: ExitFacts, code: string, how: string, bad?: RankExit): JobError {
  const { failed, tail, attempt } = facts
  const rank = failed?.rank ?? bad?.rank
  const who = rank === undefined ? '' : `rank ${rank} `
  return {
    code: failed?.code ?? code,
    message: failed ? failed.message : `${who}${how}${lastLine(tail)}`,
    hint: failed?.hint ?? null,
    attempt,
    ...(rank === undefined ? {} : { rank }),
    ...(tail ? { tail } : {}),
  }
}

function lastLine(tail: string): string {
  const line = tail.trimEnd().split('\n').at(-1)?.trim()
  return line ? `: ${line.slice(0, 300)}` : ''
}
