import type { PlannedJob } from '../plan/plan.ts'
import type { MetricValue } from '../protocol/worker-event.ts'
import type { JobError, Outcome, StopReason } from './job-events.ts'

export type JobStateName = 'waiting' | 'ready' | 'placed' | 'running' | 'exited' | 'succeeded' | 'failed' | 'cancelled'

/** One execution of a shard, as far as the ledger knows. */
export type Attempt = {
  attempt: string
  shard: number
  fence: number
  host: string
  cores: number
  gpus: string[]
  /** Where its ranks run, if that was not decided with its placement. */
  nodes: string[]
  resume: string[]
  placedAt: number
  startedAt: number | null
  stopping: StopReason | null
  /** What was found out about it before it was ended. */
  found: JobError | null
  endedAt: number | null
  outcome: Outcome | null
  revoked: boolean
  /** Last step that it committed. */
  step: number | null
  /** Last step that it reported to have reached. */
  reached: number | null
}

export type Shard =
  | { state: 'idle'; notBefore: number; fence: number }
  | { state: 'placed'; fence: number }
  | { state: 'running'; fence: number }
  | { state: 'exited'; fence: number; outcome: Outcome }
  | { state: 'committed'; fence: number }

export type Want = { epoch: number; cells: string[]; priority: number; at: number }

/** State of a job: the fold of its events. */
export type Job = {
  key: string
  planned: PlannedJob
  /** Number of events folded. */
  version: number
  phase: 'waiting' | 'open' | 'succeeded' | 'failed' | 'cancelled'
  wants: ReadonlyMap<string, Want>
  /** How the last want was withdrawn. */
  unwantedMode: 'save' | 'now'
  shards: readonly Shard[]
  attempts: readonly Attempt[]
  /** Crashes and hangs since the last new want. */
  crashes: number
  error: JobError | null
  metrics: Record<string, MetricValue>
  summary: string | null
  /** Seconds of attempts that the artifact took. */
  seconds: number
  definedAt: number
  readyAt: number | null
  endedAt: number | null
}

export const isWanted = (job: Job): boolean => job.wants.size > 0

export const isOver = (job: Job): boolean =>
  job.phase === 'succeeded' || job.phase === 'failed' || job.phase === 'cancelled'

export const isActive = (shard: Shard): boolean => shard.state === 'placed' || shard.state === 'running'

export const priorityOf = (job: Job): number => Math.max(0, ...[...job.wants.values()].map((want) => want.priority))

export const attemptOf = (job: Job, shard: number, fence: number): Attempt | undefined =>
  job.attempts.findLast((attempt) => attempt.shard === shard && attempt.fence === fence)

/** One word for the whole job: that of its most advanced shard. */
export function stateName(job: Job): JobStateName {
  if (job.phase !== 'open') return job.phase
  const states = new Set(job.shards.map((shard) => shard.state))
  if (states.has('running')) return 'running'
  if (states.has('placed')) return 'placed'
  if (states.has('exited') || !states.has('idle')) return 'exited'
  return 'ready'
}
