import type { Gate } from '../spec/gates/gate.ts'
import type { Json, Metrics } from '../spec/pipeline.ts'
import type { Job } from './job.ts'

export type RunCell = {
  name: string
  values: Record<string, Json> /** stage -> key, in topological order */
  jobs: Record<string, string>
}

type At = { /** Unix milliseconds. */ at: number }

/** The life of a run: one submission of a pipeline, a set of cells and of wants. */
export type RunEvent = At &
  (
    | {
        type: 'run.submitted'
        run: string
        pipeline: string
        file: string
        /** SHA-256 of the pipeline's text, of the dirty patch and of the dependency lock; the contents lie in the store under `code/`. */
        text: string
        patch: string | null
        lock: string | null
        commit: string | null
        owner: string
        /** Id of the token that it was submitted with; left out: this machine's own user. */
        token?: string
        /** Older runs of the pipeline with the same word here, of another commit, stop when this one comes. */
        supersedes?: string
        /** Left out: no. */
        pinned?: boolean
        labels: Record<string, string>
        set: string[]
        only: string[]
        priority: number
        /** Left out: the other jobs go on. */
        onFailure?: 'stop'
        secrets: string[]
        /** Left out or null: nowhere but into events. */
        metrics?: Metrics | null
        report: { rows: string | null; baseline: string | null; columns: string; value: string }
        /** Left out: none. */
        gates?: Gate[]
        /** Which look at growing data it is for, from 1; left out: the only one. */
        look?: number
        cells: RunCell[]
        /** Keys in topological order, each once. */
        jobs: string[]
      }
    | { type: 'run.cancelled'; mode: 'save' | 'now' /** The run that took its place. */; by?: string }
    | { type: 'run.stopped' /** Key of the job that failed. */; job: string }
    | { type: 'run.pinned' }
    | { type: 'run.resumed' }
    | { type: 'run.finished'; state: 'succeeded' | 'failed' | 'cancelled' }
  )

export type RunSubmitted = Extract<RunEvent, { type: 'run.submitted' }>

export type Run = {
  submitted: RunSubmitted
  version: number
  state: 'running' | 'succeeded' | 'failed' | 'cancelled'
  cancelled: 'save' | 'now' | null
  /** Key of the job whose failure stopped it. */
  stoppedBy: string | null
  /** The run that took its place. */
  supersededBy: string | null
  /** None may take its place. */
  pinned: boolean
  /** How often it was resumed. */
  epoch: number
  endedAt: number | null
}

export type RunCommand =
  | { kind: 'want'; key: string; cells: string[]; priority: number; epoch: number }
  | { kind: 'unwant'; key: string; mode: 'save' | 'now' }
  | { kind: 'stop'; key: string }
  | { kind: 'finish'; state: 'succeeded' | 'failed' | 'cancelled' }

export function foldRun(events: Iterable<RunEvent>): Run | null {
  let run: Run | null = null
  for (const event of events) run = applyToRun(run, event)
  return run
}

export function applyToRun(before: Run | null, event: RunEvent): Run | null {
  if (event.type === 'run.submitted') {
    const pinned = event.pinned ?? false
    const fresh = { ...goingOn, pinned, epoch: 0, endedAt: null }
    return before ?? { submitted: event, version: 1, state: 'running', ...fresh }
  }
  if (!before) return null
  const run = { ...before, version: before.version + 1 }
  switch (event.type) {
    case 'run.cancelled':
      return { ...run, cancelled: event.mode, supersededBy: event.by ?? run.supersededBy }
    case 'run.stopped':
      return { ...run, stoppedBy: event.job }
    case 'run.pinned':
      return { ...run, pinned: true }
    case 'run.resumed':
      return { ...run, state: 'running', epoch: run.epoch + 1, endedAt: null, ...goingOn }
    case 'run.finished':
      return { ...run, state: event.state, endedAt: event.at }
    default:
      return run
  }
}

const goingOn = { cancelled: null, stoppedBy: null, supersededBy: null }

/** It wants nothing any more, and ends once its jobs have. */
export const isStopping = (run: Run): boolean => run.cancelled !== null || run.stoppedBy !== null

/**
 * Whether a newer run takes the place of one that runs. The same commit again is no news; who resumed it by hand wants it;
 * and one token's runs are nothing to another's.
 */
export function isSupersededBy(run: Run, newer: Run): boolean {
  const [old, now] = [run.submitted, newer.submitted]
  const isOfSame = old.supersedes === now.supersedes && old.pipeline === now.pipeline && old.token === now.token
  const isNews = old.commit === null || old.commit !== now.commit
  const isOpen = run.state === 'running' && !isStopping(run) && run.epoch === 0 && !run.pinned
  return now.supersedes !== undefined && old.run !== now.run && isOfSame && isNews && isOpen && old.at < now.at
}

/** What to do next about one run; level-triggered, as `decideJob` is. `jobs` are those of its plan that the ledger has. */
export function decideRun(run: Run, jobs: ReadonlyMap<string, Job>): RunCommand[] {
  if (run.state !== 'running') return []
  return isStopping(run) ? withdraw(run, jobs, run.cancelled ?? 'save') : pursue(run, jobs)
}

function pursue(run: Run, jobs: ReadonlyMap<string, Job>): RunCommand[] {
  const { run: id, cells, jobs: keys, priority, onFailure } = run.submitted
  const failed = onFailure === 'stop' ? firstFailed(run, jobs) : null
  if (failed) return [{ kind: 'stop', key: failed }]
  const missing = keys.filter((key) => {
    const want = jobs.get(key)?.wants.get(id)
    return !want || want.epoch < run.epoch
  })
  if (missing.length > 0) {
    const wantedBy = cellsByJob(cells)
    return missing.map((key) => ({ kind: 'want', key, cells: wantedBy.get(key) ?? [], priority, epoch: run.epoch }))
  }
  const phases = keys.map((key) => jobs.get(key)?.phase)
  if (phases.some((phase) => phase === 'waiting' || phase === 'open' || phase === undefined)) return []
  return [{ kind: 'finish', state: phases.every((phase) => phase === 'succeeded') ? 'succeeded' : 'failed' }]
}

/** The job that failed first, and by itself, since this run wanted it last; null where none did. */
function firstFailed(run: Run, jobs: ReadonlyMap<string, Job>): string | null {
  const { run: id, jobs: keys } = run.submitted
  const failed = keys
    .flatMap((key) => jobs.get(key) ?? [])
    .filter((job) => job.phase === 'failed' && job.wants.get(id)?.epoch === run.epoch)
  const first = failed.sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))[0]
  return first ? (first.error?.input ?? first.key) : null
}

/** Nobody wants it any more, and it was asked to save before it stops: whoever asked may lose patience. */
export const isSaving = (job: Job): boolean =>
  job.phase === 'open' && job.wants.size === 0 && job.unwantedMode === 'save'

function withdraw(run: Run, jobs: ReadonlyMap<string, Job>, mode: 'save' | 'now'): RunCommand[] {
  const id = run.submitted.run
  // Dependants first: an input that stops before its reader is unwanted would look like a failure to it.
  const wanted = run.submitted.jobs.toReversed().filter((key) => {
    const job = jobs.get(key)
    return job !== undefined && (job.wants.has(id) || (mode === 'now' && isSaving(job)))
  })
  if (wanted.length > 0) return wanted.map((key) => ({ kind: 'unwant', key, mode }))
  const busy = run.submitted.jobs.some((key) => {
    const job = jobs.get(key)
    return job !== undefined && job.wants.size === 0 && (job.phase === 'open' || job.phase === 'waiting')
  })
  return busy ? [] : [{ kind: 'finish', state: run.stoppedBy === null ? 'cancelled' : 'failed' }]
}

/** Names of the cells that each job is of, by its key. */
export function cellsByJob(cells: readonly RunCell[]): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const { name, jobs } of cells)
    for (const key of new Set(Object.values(jobs))) {
      const known = names.get(key)
      if (known) known.push(name)
      else names.set(key, [name])
    }
  return names
}

/** State of one cell, from the phases of its jobs: failed as soon as one has failed, whatever still runs. */
export function cellState(run: Run, cell: RunCell, jobs: ReadonlyMap<string, Job>): Run['state'] {
  const phases = Object.values(cell.jobs).map((key) => jobs.get(key)?.phase)
  if (phases.includes('failed')) return 'failed'
  if (phases.every((phase) => phase === 'succeeded')) return 'succeeded'
  return run.state === 'running' ? 'running' : run.state === 'succeeded' ? 'succeeded' : 'cancelled'
}
