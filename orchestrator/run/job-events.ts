import type { MetricValue } from '../protocol/worker-event.ts'
import type { PlannedJob } from '../plan/plan.ts'

/** How an attempt ended, classified. Only `crashed` and `hung` spend a retry. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'stopped' } // asked to save and stop, and did: exit 75 after our SIGTERM
  | { kind: 'preempted' }
  | { kind: 'nodeLost' }
  | { kind: 'misused'; error: JobError } // wrong input stays wrong
  | { kind: 'outOfMemory'; error: JobError }
  | { kind: 'crashed'; error: JobError }
  | { kind: 'hung'; error: JobError }

export type JobError = {
  code: string
  message: string
  hint: string | null
  rank?: number
  attempt?: string /** Last lines of standard error. */
  tail?: string /** Key of the input that failed. */
  input?: string
}

type At = { /** Unix milliseconds. */ at: number }

/** The life of a job, append-only. A job belongs to no run: runs want it. */
export type JobEvent = At &
  (
    | { type: 'job.defined'; job: PlannedJob }
    | {
        type: 'job.wanted'
        run: string
        cells: string[]
        priority: number /** A new want brings a fresh retry budget. */
      }
    | { type: 'job.unwanted'; run: string /** `save`: let it save and stop; `now`: kill it. */; mode: 'save' | 'now' }
    | { type: 'job.ready' }
    | {
        type: 'attempt.placed'
        shard: number
        fence: number
        attempt: string
        host: string
        cores: number
        gpus: string[]
        resume: string[]
      }
    | { type: 'attempt.started'; shard: number; fence: number }
    | { type: 'attempt.stopping'; shard: number; fence: number; reason: 'unwanted' | 'hung' | 'now' | 'gang' }
    | {
        type: 'attempt.exited'
        shard: number
        fence: number
        outcome: Outcome /** Last step committed, if any. */
        step: number | null
      }
    | { type: 'attempt.revoked'; shard: number; fence: number }
    | { type: 'shard.retried'; shard: number; notBefore: number }
    | { type: 'shard.committed'; shard: number; fence: number }
    | {
        type: 'job.succeeded'
        cached: boolean
        metrics: Record<string, MetricValue>
        summary: string | null
        seconds: number
      }
    | { type: 'job.failed'; error: JobError }
    | { type: 'job.cancelled' }
  )
