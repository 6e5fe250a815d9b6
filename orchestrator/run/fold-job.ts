import { policyOf } from './after-exit.ts'
import type { Attempt, Job, Shard } from './job.ts'
import type { JobEvent } from './job-events.ts'

const idle = (fence: number, notBefore = 0): Shard => ({ state: 'idle', notBefore, fence })

/** State after the events. The first must be `job.defined`; null where there is none. */
export function foldJob(events: Iterable<JobEvent>): Job | null {
  let job: Job | null = null
  for (const event of events) job = applyToJob(job, event)
  return job
}

/** One event further. Never throws on an event that says nothing new: a ledger is read by later versions too. */
export function applyToJob(before: Job | null, event: JobEvent): Job | null {
  if (event.type === 'job.defined') return before ? { ...before, version: before.version + 1 } : define(event)
  if (!before) return null
  return { ...before, ...change(before, event), version: before.version + 1 }
}

function define({ job, at }: JobEvent & { type: 'job.defined' }): Job {
  return {
    key: job.key,
    planned: job,
    version: 1,
    phase: 'waiting',
    wants: new Map(),
    unwantedMode: 'save',
    shards: Array.from({ length: job.shards }, () => idle(0)),
    attempts: [],
    crashes: 0,
    error: null,
    metrics: {},
    summary: null,
    seconds: 0,
    definedAt: at,
    readyAt: null,
    endedAt: null,
  }
}

function change(job: Job, event: Exclude<JobEvent, { type: 'job.defined' }>): Partial<Job> {
  switch (event.type) {
    case 'job.wanted': {
      const wants = new Map(job.wants).set(event.run, {
        epoch: event.epoch,
        cells: event.cells,
        priority: event.priority,
        at: event.at,
      })
      // Failures are never cached: a new want of a job that failed or was cancelled starts it again, from its checkpoints.
      return job.phase === 'failed' || job.phase === 'cancelled'
        ? { wants, unwantedMode: 'save', ...reopened(job) }
        : { wants, unwantedMode: 'save', crashes: 0 }
    }
    case 'job.unwanted': {
      const wants = new Map(job.wants)
      wants.delete(event.run)
      return { wants, unwantedMode: event.mode }
    }
    case 'job.ready':
      return { phase: 'open', readyAt: event.at }
    case 'attempt.placed': {
      const { type: _, at, ...rest } = event
      const attempt: Attempt = {
        ...rest,
        nodes: [],
        placedAt: at,
        startedAt: null,
        stopping: null,
        found: null,
        endedAt: null,
        outcome: null,
        revoked: false,
        step: null,
        reached: null,
      }
      return {
        attempts: [...job.attempts, attempt],
        shards: withShard(job, event.shard, { state: 'placed', fence: event.fence }),
      }
    }
    case 'attempt.started':
      return {
        attempts: withAttempt(job, event, { startedAt: event.at, nodes: event.nodes ?? [] }),
        shards: moved(job, event, { state: 'running', fence: event.fence }),
      }
    case 'attempt.stopping':
      return { attempts: withAttempt(job, event, { stopping: event.reason, found: event.error ?? null }) }
    case 'attempt.revoked':
      return {
        attempts: withAttempt(job, event, { revoked: true, endedAt: event.at }),
        shards: moved(job, event, idle(event.fence)),
      }
    case 'attempt.exited': {
      const spent = policyOf[event.outcome.kind] === 'retry' ? 1 : 0
      const { outcome, at: endedAt, step, reached = null } = event
      return {
        attempts: withAttempt(job, event, { outcome, endedAt, step, reached }),
        shards: moved(job, event, { state: 'exited', fence: event.fence, outcome: event.outcome }),
        crashes: job.crashes + spent,
      }
    }
    case 'shard.retried':
      return { shards: withShard(job, event.shard, idle(fenceOf(job, event.shard), event.notBefore)) }
    case 'shard.committed':
      return { shards: moved(job, event, { state: 'committed', fence: event.fence }) }
    case 'job.succeeded':
      return {
        phase: 'succeeded',
        metrics: event.metrics,
        summary: event.summary,
        seconds: event.seconds,
        endedAt: event.at,
        error: null,
      }
    case 'job.failed':
      return { phase: 'failed', error: event.error, endedAt: event.at }
    case 'job.cancelled':
      return { phase: 'cancelled', endedAt: event.at }
    case 'job.lost':
      return { ...reopened(job), shards: job.shards.map((shard) => idle(shard.fence)), metrics: {}, summary: null }
    default:
      return unknown(event)
  }
}

function reopened(job: Job): Partial<Job> {
  const shards = job.shards.map((shard) => (shard.state === 'committed' ? shard : idle(shard.fence)))
  return { phase: 'waiting', shards, crashes: 0, error: null, endedAt: null, readyAt: null }
}

const fenceOf = (job: Job, shard: number): number => job.shards[shard]?.fence ?? 0

const withShard = (job: Job, index: number, next: Shard): Shard[] =>
  job.shards.map((shard, i) => (i === index ? next : shard))

/** Only the current fence moves a shard: what a replaced attempt says later changes nothing. */
const moved = (job: Job, event: { shard: number; fence: number }, next: Shard): Shard[] =>
  fenceOf(job, event.shard) === event.fence ? withShard(job, event.shard, next) : [...job.shards]

const withAttempt = (job: Job, event: { shard: number; fence: number }, patch: Partial<Attempt>): Attempt[] =>
  job.attempts.map((attempt) =>
    attempt.shard === event.shard && attempt.fence === event.fence ? { ...attempt, ...patch } : attempt,
  )

// An event of a later version of this program: it says something that this one can't know, which is no reason to fall over.
const unknown = (_: never): Partial<Job> => ({})
