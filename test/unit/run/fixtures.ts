import type { PlannedJob } from '../../../orchestrator/plan/plan.ts'
import { foldJob } from '../../../orchestrator/run/fold-job.ts'
import type { Job } from '../../../orchestrator/run/job.ts'
import type { JobEvent, Outcome } from '../../../orchestrator/run/job-events.ts'
import { foldRun, type Run, type RunEvent, type RunSubmitted } from '../../../orchestrator/run/run.ts'

type WithoutTime<E> = E extends { at: number } ? Omit<E, 'at'> : never

/** An event without its time; events happen at 1, 2, 3, … */
export type Timeless = WithoutTime<JobEvent>

export const planned = (patch: Partial<PlannedJob> = {}): PlannedJob => ({
  key: 'k'.repeat(64),
  parts: {
    entry: 'count',
    command: ['python', 'worker.py'],
    code: 'c',
    lock: null,
    config: {},
    inputs: {},
    generation: 0,
  },
  stage: 'count',
  entry: 'count',
  command: ['python', 'worker.py'],
  config: {},
  inputs: {},
  outputs: {},
  code: { digest: 'c', files: {} },
  needs: [],
  resources: { nodes: 1, ranks: 1, gpus: 0, cores: 1, memory: null, time: null },
  shards: 1,
  checkpoint: { every: null, keep: { last: 2, every: null, best: null } },
  retry: { crashes: 3, backoffMs: 1000 },
  hang: 1800,
  pool: 'local',
  secrets: [],
  ...patch,
})

export function jobAfter(events: Timeless[], patch: Partial<PlannedJob> = {}): Job {
  const all = [{ type: 'job.defined', job: planned(patch) } as const, ...events].map(
    (event, i) => ({ ...event, at: i + 1 }) as JobEvent,
  )
  const job = foldJob(all)
  if (!job) throw new Error('no job')
  return job
}

export function runAfter(events: WithoutTime<RunEvent>[], patch: Partial<RunSubmitted> = {}): Run {
  const submitted: WithoutTime<RunSubmitted> = {
    type: 'run.submitted',
    run: 'r-1',
    pipeline: 'p',
    file: 'p.yaml',
    text: '',
    patch: null,
    lock: null,
    commit: null,
    owner: 'o',
    labels: {},
    set: [],
    only: [],
    priority: 0,
    secrets: [],
    report: { rows: null, baseline: null, columns: 'task', value: 'success' },
    cells: [],
    jobs: [],
    ...patch,
  }
  const run = foldRun([submitted, ...events].map((event, i) => ({ ...event, at: i + 1 }) as RunEvent))
  if (!run) throw new Error('no run')
  return run
}

export const wanted = (run = 'r-1', epoch = 0): Timeless => ({
  type: 'job.wanted',
  run,
  epoch,
  cells: ['a'],
  priority: 0,
})
export const unwanted = (mode: 'save' | 'now' = 'save', run = 'r-1'): Timeless => ({ type: 'job.unwanted', run, mode })
export const ready: Timeless = { type: 'job.ready' }
export const placed = (fence = 1, shard = 0): Timeless => ({
  type: 'attempt.placed',
  shard,
  fence,
  attempt: `a-${shard}-${fence}`,
  host: 'here',
  cores: 1,
  gpus: [],
  resume: [],
})
export const started = (fence = 1, shard = 0): Timeless => ({ type: 'attempt.started', shard, fence })
export const exited = (outcome: Outcome, fence = 1, shard = 0): Timeless => ({
  type: 'attempt.exited',
  shard,
  fence,
  outcome,
  step: null,
  reached: null,
})
export const committed = (fence = 1, shard = 0): Timeless => ({ type: 'shard.committed', shard, fence })
export const retried = (notBefore = 0, shard = 0): Timeless => ({ type: 'shard.retried', shard, notBefore })
export const crash: Outcome = {
  kind: 'crashed',
  by: 'outside',
  error: { code: 'CRASHED', message: 'it fell', hint: null },
}
export const done: Outcome = { kind: 'done' }
