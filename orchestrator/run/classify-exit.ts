import { type ErrorCode, errorCodes } from '../errors.ts'
import type { EngineEnd } from '../protocol/engine-end.ts'
import { type AttemptExit, exitCode, type RankExit } from '../protocol/exit-record.ts'
import { formatSize } from '../spec/units.ts'
import type { JobError, Outcome, StopReason } from './job-events.ts'

export type ExitFacts = {
  /** Null when the launcher left no record: it was killed, or its host went down. */
  exit: AttemptExit | null
  /** What the engine says besides, if it knows more. */
  end?: EngineEnd | null
  attempt: string
  stopping: StopReason | null
  /** What was found out about it before it was ended. */
  found: JobError | null
  /** The worker's own `failed` event, if it had time for one. */
  failed: { code: string; message: string; hint: string | null; rank: number } | null
  /** Whether it committed anything (a checkpoint, a clip, a trial) that a next attempt goes on from. */
  committed: boolean
  /** Last lines of the failing rank's standard error. */
  tail: string
  /** Bytes of memory that the attempt may use, or null. */
  memory: number | null
  /** Whether the disk of its directory is full: a rank that meets that may not even have room to say so. */
  diskFull: boolean
}

/**
 * What no job is to blame for, and no retry mends, but time may: the store or a registry is away, a disk full, a GPU
 * somebody else's.
 */
const BLOCKING: ReadonlySet<string> = new Set([
  'STORE_UNREACHABLE',
  'STORE_DENIED',
  'STORE_FULL',
  'DISK_FULL',
  'GPU_BUSY',
  'IMAGE_NOT_PULLED',
])

const USE_LESS = 'let the stage use less: a smaller batch, fewer data workers'
const LESS_MEMORY = `raise resources.memory, or ${USE_LESS}`

const WITHOUT_ROOM = 'ended where no space was left on the disk of its attempt directory'

export const isBlocking = (code: string | null | undefined): boolean => BLOCKING.has(code ?? '')

/**
 * Says how an attempt ended. Exit codes: 0 done; 75 asked to stop, or try again later; 64–78 the worker was misused
 * (sysexits), which stays so however often it is tried; all else is a crash.
 */
export function classifyExit(facts: ExitFacts): Outcome {
  const { exit, stopping, failed } = facts
  // Whatever it says beside can't be trusted to mean what it seems to.
  if (failed?.code === 'PROTOCOL_UNKNOWN') return { kind: 'misused', error: error(facts, failed.code, failed.message) }
  if (exit?.cause === 'ranks' && exit.ranks.length > 0 && exit.ranks.every((rank) => rank.code === 0))
    return { kind: 'done' }
  if (stopping === 'hung') return { kind: 'hung', error: facts.found ?? error(facts, 'HUNG', 'made no progress') }
  if (stopping !== null) return { kind: 'stopped' }
  if (exit?.code === 'NODE_BAD' || exit?.code === 'NODE_LOST')
    return { kind: 'nodeLost', message: exit.message ?? 'a node failed', nodes: exit.nodes }
  if (facts.end) return fromEngine(facts, facts.end)
  if (!exit) {
    const how = 'its launcher was killed, and with it its ranks'
    return { kind: 'crashed', by: 'outside', error: error(facts, 'LAUNCHER_LOST', how) }
  }
  if (exit.message && isBlocking(exit.code))
    return { kind: 'blocked', error: error(facts, exit.code ?? '', exit.message) }
  if (exit.message) return notStarted(facts, exit.message, exit.code)
  const bad = badRank(exit)
  if (exit.cause === 'memory' || bad?.oomKilled || failed?.code === 'OUT_OF_MEMORY')
    return { kind: 'outOfMemory', error: outOfMemory(facts, exit, bad) }
  if (failed && isBlocking(failed.code)) return { kind: 'blocked', error: error(facts, failed.code, failed.message) }
  if (exit.cause === 'signal') return { kind: 'preempted' }
  if (!failed && facts.diskFull) return { kind: 'blocked', error: error(facts, 'DISK_FULL', WITHOUT_ROOM, bad) }
  if (exit.cause === 'time') return again(facts, 'TIME_LIMIT', 'ran into its time limit', 'outside', bad)
  return fromRank(facts, bad)
}

/** What an agent could not start says by its code whose fault that is: the job's, or that of the place. */
function notStarted(facts: ExitFacts, message: string, code: string | null): Outcome {
  const known = code !== null && code in errorCodes ? errorCodes[code as ErrorCode] : null
  if (known === null) return { kind: 'misused', error: error(facts, 'LAUNCH_FAILED', message) }
  const told = error(facts, code ?? '', message, undefined, known.hint)
  return known.exit === 2 ? { kind: 'misused', error: told } : { kind: 'crashed', by: 'outside', error: told }
}

function fromEngine(facts: ExitFacts, end: EngineEnd): Outcome {
  const { kind, message, nodes } = end
  switch (kind) {
    case 'preempted':
      return { kind: 'preempted' }
    case 'nodeLost':
      return { kind: 'nodeLost', message, nodes }
    case 'time':
      return again(facts, 'TIME_LIMIT', message, 'outside')
    case 'memory':
      return { kind: 'outOfMemory', error: memoryError(facts, message) }
    case 'cancelled':
      return { kind: 'crashed', by: 'outside', error: error(facts, 'CANCELLED_OUTSIDE', message) }
    case 'refused':
      return { kind: 'misused', error: error(facts, 'LAUNCH_FAILED', message) }
    default:
      return kind satisfies never
  }
}

const memoryError = (facts: ExitFacts, message: string): JobError =>
  facts.exit === null
    ? error({ ...facts, failed: null, tail: '' }, 'OUT_OF_MEMORY', message, undefined, LESS_MEMORY)
    : outOfMemory(facts, facts.exit, badRank(facts.exit))

const badRank = (exit: AttemptExit): RankExit | undefined =>
  exit.ranks.find((rank) => rank.rank === exit.firstBad) ?? exit.ranks.find((rank) => rank.code !== 0)

function fromRank(facts: ExitFacts, bad: RankExit | undefined): Outcome {
  const code = bad?.code ?? null
  if (code === exitCode.tryAgain) return again(facts, 'NO_PROGRESS', 'asked to be tried again', 'worker', bad)
  if (code !== null && code >= 64 && code <= 78)
    return { kind: 'misused', error: error(facts, 'WORKER_REFUSED', `ended with exit code ${code}`, bad) }
  if (bad?.signal) {
    const by = bad.signal === 'SIGKILL' || bad.signal === 'SIGTERM' ? 'outside' : 'worker'
    return { kind: 'crashed', by, error: error(facts, 'CRASHED', `was killed by ${bad.signal}`, bad) }
  }
  const how = code === null ? 'ended without an exit code' : `ended with exit code ${code}`
  return { kind: 'crashed', by: code === null ? 'outside' : 'worker', error: error(facts, 'CRASHED', how, bad) }
}

/** It wants another turn. With a new commit it got somewhere, and will again; without one it would go round for ever. */
function again(facts: ExitFacts, code: string, how: string, by: 'worker' | 'outside', bad?: RankExit): Outcome {
  if (facts.committed) return { kind: 'preempted' }
  return { kind: 'crashed', by, error: error(facts, code, `${how} without having committed anything`, bad) }
}

function outOfMemory(facts: ExitFacts, exit: AttemptExit, bad: RankExit | undefined): JobError {
  const { memory } = facts
  const peak = Math.max(exit.peakMemory ?? 0, bad?.peakRss ?? 0) || null
  const used = peak === null ? null : `${formatSize(peak)}${memory === null ? '' : ` of ${formatSize(memory)}`}`
  const silent = { ...facts, failed: null, tail: '' }
  if (exit.cause === 'memory') {
    const how = `used ${used ?? 'more than it may'} when it was killed`
    return error(silent, 'OUT_OF_MEMORY', how, undefined, LESS_MEMORY)
  }
  if (bad?.oomKilled) {
    const how = `used ${used ?? 'all there was'} when the kernel killed it: no memory was left`
    return error(silent, 'OUT_OF_MEMORY', how, bad, `run less beside it, or where there is more memory, or ${USE_LESS}`)
  }
  const said = error(facts, 'OUT_OF_MEMORY', '', bad, 'use a smaller batch')
  return { ...said, message: `${said.message}${used === null ? '' : ` (peak of main memory: ${used})`}` }
}

function error(facts: ExitFacts, code: string, how: string, bad?: RankExit, hint: string | null = null): JobError {
  const { failed, tail, attempt } = facts
  const rank = failed?.rank ?? bad?.rank
  const who = rank === undefined ? '' : `rank ${rank} `
  return {
    code: failed?.code ?? code,
    message: failed ? failed.message : `${who}${how}${lastLine(tail)}`,
    hint: failed?.hint ?? hint,
    attempt,
    ...(rank === undefined ? {} : { rank }),
    ...(tail ? { tail } : {}),
  }
}

function lastLine(tail: string): string {
  const line = tail.trimEnd().split('\n').at(-1)?.trim()
  return line ? `: ${line.slice(0, 300)}` : ''
}
