import type { JobEvent } from '../../../orchestrator/run/job-events.ts'
import type { Seen } from './pretend/protocol.ts'

/** A job's events as the ledger has them. */
export type JobHistory = { key: string; events: readonly JobEvent[] }

export type Account = {
  jobs: number
  attempts: number
  /** How often each kind of end was recorded. */
  ends: Record<string, number>
  /** What was wanted and has no end that its attempts explain; a sentence each. None, if all is well. */
  lost: string[]
  /** What happened more than once. None, if all is well. */
  doubled: string[]
  /** Most attempts that ran at a time. */
  mostAtOnce: number
  /** Milliseconds from the moment that an attempt could start, with room for it, until it did: the first fill of the pool, and after it. */
  filling: number[]
  dispatch: number[]
  /** Milliseconds from the end of a job's last attempt until its result was recorded. */
  results: number[]
}

/** Compares what the ledger tells with what the attempts themselves remember. */
export function takeAccount(jobs: readonly JobHistory[], seen: readonly Seen[], atOnce: number): Account {
  const byJob = Map.groupBy(seen, (one) => one.job)
  const ends: Record<string, number> = {}
  for (const { events } of jobs)
    for (const event of events)
      if (event.type === 'attempt.exited') ends[event.outcome.kind] = (ends[event.outcome.kind] ?? 0) + 1
  const delays = dispatchDelays(jobs, seen, atOnce)
  return {
    jobs: jobs.length,
    attempts: seen.length,
    ends,
    lost: jobs.flatMap((job) => lostIn(job, byJob.get(job.key) ?? [])),
    doubled: [...jobs.flatMap((job) => doubledIn(job, byJob.get(job.key) ?? [])), ...strays(jobs, seen)],
    mostAtOnce: mostAtOnce(seen),
    filling: delays.slice(0, atOnce),
    dispatch: delays.slice(atOnce),
    results: jobs.flatMap((job) => resultDelay(job, byJob.get(job.key) ?? [])),
  }
}

function lostIn({ key, events }: JobHistory, seen: readonly Seen[]): string[] {
  const name = key.slice(0, 7)
  const last = events.at(-1)
  const own = seen.some(({ end }) => end === 'failed' || end === 'memory')
  const crashes = seen.filter(({ end }) => end !== 'done' && end !== 'preempted').length
  const open = seen.filter(({ endedAt }) => endedAt === null)
  if (open.length > 0) return [`${name}: ${open.map(({ attempt }) => attempt).join(', ')} has not ended`]
  switch (last?.type) {
    case 'job.succeeded':
      return seen.some(({ end }) => end === 'done') ? [] : [`${name} succeeded, and no attempt of it did`]
    case 'job.failed':
      return last.error.code === 'INPUT_FAILED' || own || crashes >= 3
        ? []
        : [`${name} failed, and nothing that happened to it explains why: ${last.error.message}`]
    default:
      return [`${name} has no end: its last event is ${last?.type}`]
  }
}

function doubledIn({ key, events }: JobHistory, seen: readonly Seen[]): string[] {
  const name = key.slice(0, 7)
  const count = (type: JobEvent['type']) => events.filter((event) => event.type === type).length
  const inOrder = seen.toSorted((a, b) => a.startedAt - b.startedAt)
  const overlap = inOrder.flatMap((one, index) => {
    const next = inOrder[index + 1]
    return next && (one.endedAt ?? Number.POSITIVE_INFINITY) > next.startedAt
      ? [`${name}: ${one.attempt} and ${next.attempt} ran at once`]
      : []
  })
  return [
    ...overlap,
    ...(seen.filter(({ end }) => end === 'done').length > 1 ? [`${name} was done twice`] : []),
    ...(count('job.succeeded') + count('job.failed') > 1 ? [`${name} ended twice`] : []),
  ]
}

/** What ran and is in no ledger, or the other way round. */
function strays(jobs: readonly JobHistory[], seen: readonly Seen[]): string[] {
  const started = new Set(
    jobs.flatMap(({ events }) => {
      const begun = events.filter((event) => event.type === 'attempt.started').map(({ fence }) => fence)
      return events.flatMap((event) =>
        event.type === 'attempt.placed' && begun.includes(event.fence) ? [event.attempt] : [],
      )
    }),
  )
  const ran = new Set(seen.map(({ attempt }) => attempt))
  return [
    ...[...ran]
      .filter((attempt) => !started.has(attempt))
      .map((attempt) => `${attempt} ran, and the ledger has it not`),
    ...[...started].filter((attempt) => !ran.has(attempt)).map((attempt) => `${attempt} is said to have run`),
  ]
}

function mostAtOnce(seen: readonly Seen[]): number {
  const steps = seen
    .flatMap(({ startedAt, endedAt }) => [
      { at: startedAt, by: 1 },
      { at: endedAt ?? Number.POSITIVE_INFINITY, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by)
  let now = 0
  let most = 0
  for (const { by } of steps) {
    now += by
    most = Math.max(most, now)
  }
  return most
}

/** In the order of the starts: the n-th start could take the n-th place that became free. */
function dispatchDelays(jobs: readonly JobHistory[], seen: readonly Seen[], atOnce: number): number[] {
  const couldStart = new Map(jobs.flatMap(({ events }) => eligible(events)))
  const free = [
    ...Array.from({ length: atOnce }, () => Number.NEGATIVE_INFINITY),
    ...seen.flatMap(({ endedAt }) => endedAt ?? []).sort((a, b) => a - b),
  ]
  return seen
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .map(({ attempt, startedAt }, index) =>
      Math.max(0, startedAt - Math.max(free[index] ?? 0, couldStart.get(attempt) ?? 0)),
    )
}

/** When each attempt of a job of one shard could have started, had there been room. */
function eligible(events: readonly JobEvent[]): [attempt: string, at: number][] {
  let from = 0
  return events.flatMap((event): [string, number][] => {
    if (event.type === 'job.ready' || event.type === 'attempt.revoked') from = event.at
    if (event.type === 'shard.retried') from = Math.max(event.at, event.notBefore)
    return event.type === 'attempt.placed' ? [[event.attempt, from]] : []
  })
}

function resultDelay({ events }: JobHistory, seen: readonly Seen[]): number[] {
  const last = events.at(-1)
  const ended = Math.max(...seen.map(({ endedAt }) => endedAt ?? 0))
  return last?.type === 'job.succeeded' && ended > 0 ? [last.at - ended] : []
}
