import type { EngineEnd } from '../protocol/engine-end.ts'
import type { AttemptExit } from '../protocol/exit-record.ts'
import type { JobOrder } from '../protocol/job-order.ts'
import type { Finished } from '../store/artifacts.ts'

export type Signal = 'SIGTERM' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL'

/**
 * What can be known of an attempt.
 * - unclaimed: nobody has started it, and somebody still may
 * - revoked: nobody has started it, and nobody can any more
 * - queued: a scheduler holds it; nothing runs yet, and it can still be revoked
 * - running: it was claimed and is alive; `nodes` where the engine chose them
 * - exited: it is over; `exit` is null when it left no record (its launcher was killed); `end` is the engine's own word
 * - unknown: the engine can't tell now; never treated as over
 */
export type Observation =
  | { state: 'unclaimed' | 'revoked' | 'unknown' }
  | { state: 'queued'; why: string /** Unix milliseconds, if the scheduler has an idea. */; startsAt: number | null }
  | { state: 'running'; nodes?: string[] }
  | { state: 'exited'; exit: AttemptExit | null; end: EngineEnd | null }

export type Launch = {
  job: JobOrder
  /** Environment for the ranks, on top of a minimal one. */
  env: Record<string, string>
  /** Secret values by name; written to a file that only the attempt's user can read. */
  secrets: Record<string, string>
  /** GPUs that each node has to have, where the engine's scheduler hands them out. */
  gpus?: number
  /** Nodes that it must not be placed on, where the engine places. */
  avoid?: string[]
}

/** The process of a rank. `state` is the letter of proc(5): T when a signal has stopped it. */
export type RankProcess = { rank: number; state: string }

/** What is to be written down of an attempt's outputs beside them. */
export type Collecting = Omit<Finished, 'directory'>

/** Starts, watches and ends attempts in one kind of place. All calls are idempotent by attempt id. */
export interface Engine {
  readonly kind: 'local' | 'container' | 'slurm' | 'agents'
  /** Whether the kernel tells of what is written in its attempt directories: on shared file systems it doesn't. */
  readonly writes: 'told' | 'polled'
  /** Folder, as seen from here, where jobs' curves go to files. */
  readonly metrics: string
  /** Absolute path of the attempt's directory, whether or not it exists yet. */
  directory(attempt: string): string
  /**
   * Brings code and inputs to where the attempt runs, and starts it, unless it was started, or revoked, before. Returns
   * when it runs, or when it is observed as queued.
   */
  launch(launch: Launch): Promise<void>
  /** One look at many attempts. */
  observe(attempts: string[]): Promise<Map<string, Observation>>
  /** Attempts of this control plane that have a process, found by looking for processes, whatever is recorded of them. */
  living(): Promise<Set<string>>
  /** Delivered to every rank; an attempt that is over is left alone. */
  signal(attempt: string, signal: Signal): Promise<void>
  /** Its ranks as the kernel sees them; null where the engine can't look. One that isn't listed has ended. */
  processes(attempt: string): Promise<RankProcess[] | null>
  /** Takes the attempt's claim so that it can never start; says `running` when it was too late. */
  revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'>
  /** Resolves when the attempt is queued no more. Rejects only when aborted. */
  started(attempt: string, signal: AbortSignal): Promise<void>
  /** Resolves when the attempt is over (event-driven, also for adopted ones). Rejects only when aborted. */
  ended(attempt: string, signal: AbortSignal): Promise<void>
  /**
   * For engines whose attempts leave their outputs elsewhere than in `directory`: has them taken into the store. Asked
   * again until they are collected. Throws OUTPUT_LOST when they never will be, and what `collectOutputs` throws.
   */
  collect?(attempt: string, finished: Collecting): Promise<'collected' | 'under way'>
  /** Removes what the attempt left on the host, logs included: only after they were collected. */
  forget(attempt: string): Promise<void>
}
