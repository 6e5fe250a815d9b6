import type { PlannedJob } from '../plan/plan.ts'
import type { MetricValue } from '../protocol/worker-event.ts'

export type JobError = {
  code: string
  message: string
  hint: string | null
  rank?: number
  attempt?: string
  /** Last lines of standard error. */
  tail?: string
  /** Key of the input that failed. */
  input?: string
}

/** How an attempt ended, classified; what follows from each is in after-exit.ts. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'stopped' } // asked to save and stop, and did
  | { kind: 'preempted' }
  /** `nodes`: those to blame; older events don't say. */
  | { kind: 'nodeLost'; message?: string; nodes?: string[] }
  | { kind: 'blocked'; error: JobError } // the store was away, or a disk full: it waits for that
  | { kind: 'misused'; error: JobError } // wrong input stays wrong
  | { kind: 'outOfMemory'; error: JobError }
  /** `by`: whether its own code ended it (an exit code, a signal such as SIGSEGV), or something else did. */
  | { kind: 'crashed'; error: JobError; by: 'worker' | 'outside' }
  | { kind: 'hung'; error: JobError }

/** Why the control plane ends an attempt. */
export type StopReason = 'unwanted' | 'now' | 'hung' | 'sibling'

type At = { /** Unix milliseconds. */ at: number }

/** The life of a job, append-only. A job belongs to no run: runs want it. */
export type JobEvent = At &
  (
    | { type: 'job.defined'; job: PlannedJob }
    /** `epoch` counts the resumes of the run: a later epoch is a new want, with a fresh retry budget. */
    | { type: 'job.wanted'; run: string; epoch: number; cells: string[]; priority: number }
    | { type: 'job.unwanted'; run: string; mode: 'save' | 'now' }
    | { type: 'job.ready' }
    | {
        type: 'attempt.placed'
        shard: number
        fence: number
        attempt: string
        host: string
        cores: number
        gpus: string[]
        /** Checkpoint manifests that it may resume from, best first. */
        resume: string[]
      }
    /** `nodes`: where the engine chose them. */
    | { type: 'attempt.started'; shard: number; fence: number; nodes?: string[] }
    /** `error`: what was found out about it before it is ended, such as which rank hangs. */
    | { type: 'attempt.stopping'; shard: number; fence: number; reason: StopReason; error?: JobError }
    /** It was placed, but can never start: its claim was taken. */
    | { type: 'attempt.revoked'; shard: number; fence: number }
    | {
        type: 'attempt.exited'
        shard: number
        fence: number
        outcome: Outcome
        /** Last step committed by it. */
        step: number | null
        /** Last step that it reported to have reached. */
        reached: number | null
      }
    | { type: 'shard.retried'; shard: number; notBefore: number }
    | { type: 'shard.committed'; shard: number; fence: number }
    | {
        type: 'job.succeeded'
        /** True when its artifact was found in the store, made before this ledger began. */
        found: boolean
        metrics: Record<string, MetricValue>
        summary: string | null
        seconds: number
      }
    | { type: 'job.failed'; error: JobError }
    | { type: 'job.cancelled' }
    /** Its artifact is gone from the store: it has to be made again. */
    | { type: 'job.lost'; reason: string }
  )
