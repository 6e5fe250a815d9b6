import type { Reservation } from '../ledger/capacity.ts'
import { type Attempt, attemptOf, isActive, isOver, isWanted, type Job } from '../run/job.ts'
import type { Run } from '../run/run.ts'

/** What is true of a control plane at every moment, but for the blink of an eye between two steps. */
export const invariants = {
  reservations: 'what is reserved belongs to an attempt that is being placed or lives, and such an attempt has it',
  attempts: 'a shard has no two attempts, in the ledger or alive',
  processes: 'what is over has no process: neither an attempt, nor a run',
  jobs: 'a job that is over has no shard that is placed or runs',
  events: 'ledger, memory and journal agree, without a gap',
} as const

export type Invariant = keyof typeof invariants
export type Violation = { invariant: Invariant; subject: string; detail: string }

/** How many events of an aggregate there are, in each place that has them. */
export type Extent = {
  aggregate: string
  /** In memory, read first. */
  known: number
  ledger: number
  /** The first of them that the ledger takes for not mirrored; `ledger` where all are. Read after `ledger`. */
  mirrored: number
  /** In the store; a sentence where they don't follow each other. Null: not looked at. Read after `mirrored`. */
  journal: number | string | null
  /** In memory, read last. */
  folded: number
}

export type Snapshot = {
  jobs: ReadonlyMap<string, Job>
  runs: readonly Run[]
  reservations: readonly Pick<Reservation, 'attempt' | 'cores' | 'gpus'>[]
  /** Attempts that have a process, whatever anybody has recorded. */
  living: ReadonlySet<string>
  /** What the engine says of the attempts that the ledger takes for active. */
  observed: ReadonlyMap<string, string>
  extents: readonly Extent[]
}

/** What is not as it should be. One look proves nothing: it may have been taken between two steps. */
export function findViolations(snapshot: Snapshot): Violation[] {
  const jobs = [...snapshot.jobs.values()]
  return [
    ...wrongReservations(snapshot, jobs),
    ...jobs.flatMap((job) => wrongAttempts(snapshot, job)),
    ...wrongProcesses(snapshot, jobs),
    ...jobs.filter((job) => isOver(job) && job.shards.some(isActive)).map(overAndActive),
    ...snapshot.extents.flatMap(wrongEvents),
  ]
}

const isCurrent = (job: Job, { shard, fence }: Attempt): boolean => {
  const state = job.shards[shard]
  return state !== undefined && isActive(state) && state.fence === fence
}

function wrongReservations({ reservations, observed }: Snapshot, jobs: readonly Job[]): Violation[] {
  const active = new Map(
    jobs.flatMap((job) => job.attempts.filter((one) => isCurrent(job, one)).map((one) => [one.attempt, { job, one }])),
  )
  const found: Violation[] = []
  const say = (subject: string, detail: string) => found.push({ invariant: 'reservations', subject, detail })
  for (const { attempt, cores, gpus } of reservations) {
    const what = `${cores} cores and ${gpus.length} GPUs are reserved`
    const known = active.get(attempt)
    if (!known) say(attempt, `${what}, and the ledger has no such attempt under way`)
    else if (known.job.shards[known.one.shard]?.state === 'running' && !lives(observed.get(attempt)))
      say(attempt, `${what}, and it is ${observed.get(attempt) ?? 'not known to its engine'}`)
  }
  const reserved = new Set(reservations.map(({ attempt }) => attempt))
  for (const attempt of active.keys()) if (!reserved.has(attempt)) say(attempt, 'it is under way without a reservation')
  return found
}

/** An engine that can't tell is not believed to have said no. */
const lives = (state: string | undefined): boolean => state === 'running' || state === 'unknown'

function wrongAttempts({ living }: Snapshot, job: Job): Violation[] {
  return job.shards.flatMap((_, shard): Violation[] => {
    const all = job.attempts.filter((attempt) => attempt.shard === shard)
    const open = all.filter((attempt) => attempt.endedAt === null)
    const alive = all.filter((attempt) => living.has(attempt.attempt))
    const subject = `job ${job.key.slice(0, 7)} shard ${shard}`
    const name = (attempts: Attempt[]) => attempts.map(({ attempt }) => attempt).join(' and ')
    const fences = all.map((attempt) => attempt.fence)
    const grows = fences.every((fence, index) => index === 0 || fence > (fences[index - 1] ?? 0))
    return [
      ...(open.length > 1 ? [`the ledger has ${name(open)} under way at once`] : []),
      ...(alive.length > 1 ? [`${name(alive)} both have processes`] : []),
      ...(grows ? [] : [`its fences don't grow: ${fences.join(', ')}`]),
    ].map((detail) => ({ invariant: 'attempts', subject, detail }))
  })
}

function wrongProcesses({ living, runs, jobs: byKey }: Snapshot, jobs: readonly Job[]): Violation[] {
  const attempts = new Map(jobs.flatMap((job) => job.attempts.map((attempt) => [attempt.attempt, attempt])))
  const stray = [...living].flatMap((subject): Violation[] => {
    const attempt = attempts.get(subject)
    if (attempt && attempt.endedAt === null) return []
    const detail = attempt ? 'it has ended, and a process of it lives' : 'a process of it lives, and no job knows it'
    return [{ invariant: 'processes', subject, detail }]
  })
  const ended = runs.filter((run) => run.state !== 'running')
  const busy = ended.flatMap(({ submitted, state }): Violation[] => {
    const unwanted = submitted.jobs.map((key) => byKey.get(key)).filter((job) => job !== undefined && !isWanted(job))
    const at = unwanted.flatMap((job) => job?.attempts.filter(({ attempt }) => living.has(attempt)) ?? [])
    const detail = `it is ${state}, and ${at.map(({ attempt }) => attempt).join(', ')} still has a process`
    return at.length === 0 ? [] : [{ invariant: 'processes', subject: submitted.run, detail }]
  })
  return [...stray, ...busy]
}

function overAndActive(job: Job): Violation {
  const active = job.shards.flatMap((shard, index) =>
    isActive(shard) ? [attemptOf(job, index, shard.fence)?.attempt ?? `shard ${index}`] : [],
  )
  const detail = `it is ${job.phase}, and ${active.join(', ')} is under way`
  return { invariant: 'jobs', subject: `job ${job.key.slice(0, 7)}`, detail }
}

function wrongEvents({ aggregate, known, ledger, mirrored, journal, folded }: Extent): Violation[] {
  const details = [
    ...(ledger < known ? [`memory has ${known} events, and the ledger ${ledger}`] : []),
    ...(ledger > folded ? [`the ledger has ${ledger} events, and memory ${folded}`] : []),
    ...(typeof journal === 'string' ? [journal] : []),
    ...(typeof journal === 'number' && journal < mirrored
      ? [`the store has ${journal} events, and the ledger takes ${mirrored} for mirrored`]
      : []),
    ...(typeof journal === 'number' && journal > folded
      ? [`the store has ${journal} events, and memory ${folded}`]
      : []),
  ]
  return details.map((detail) => ({ invariant: 'events', subject: aggregate, detail }))
}
