import type { MetricValue } from '../protocol/worker-event.ts'
import type { Gate } from '../spec/gates/gate.ts'
import type { Json, ReportSpec } from '../spec/pipeline.ts'

/**
 * All that a report is made from, as plain values: whoever calls reads ledger and store, a report never does. Every string may
 * come from a user or a worker; whatever writes it out escapes it.
 */
export type ReportInput = {
  /** Unix milliseconds: when these values were gathered. */
  madeAt: number
  run: RunFacts
  spec: ReportSpec
  gates: Gate[]
  /** Which look at growing data this is, from 1; null where there is only one. */
  look: number | null
  /** In the plan's order. */
  cells: ReportCell[]
  /** Each once, in topological order. */
  jobs: ReportJob[]
  /** Cell name -> its trials, from every succeeded job of the cell with an output of format `trials`. Cells without: left out. */
  trials: Record<string, Trial[]>
  curves: Curve[]
  samples: Sample[]
  goodput: Goodput | null
}

export type RunFacts = {
  id: string
  pipeline: string
  /** The pipeline file as the user named it; null where unknown. */
  file: string | null
  state: RunState
  owner: string
  /** 40 hex digits, or null outside a repository. */
  commit: string | null
  /** Whether uncommitted changes were part of what ran. */
  dirty: boolean
  /** SHA-256 of the dependency lock. */
  lock: string | null
  /** SHA-256 of the worker's code as a whole, or of its largest snapshot. */
  code: string | null
  labels: Record<string, string>
  createdAt: number
  endedAt: number | null
  pool: string | null
  /** Fingerprints of what came from outside, by name of the `data:` entry. */
  data: { name: string; fingerprint: string }[]
}

export type RunState = 'running' | 'succeeded' | 'failed' | 'cancelled'
export type JobState = 'waiting' | 'ready' | 'placed' | 'running' | 'exited' | 'succeeded' | 'failed' | 'cancelled'

export type ReportCell = {
  name: string
  /** Axis -> value. */
  values: Record<string, Json>
  state: RunState
  /** Union over the cell's jobs in topological order. */
  metrics: Record<string, MetricValue>
  /** In a report over several runs: the one that it comes from. */
  run?: string
  /** Stage -> whole job key. */
  jobs: Record<string, string>
}

export type ReportJob = {
  /** 64 hex digits; shown with 7. */
  key: string
  stage: string
  entry: string
  /** SHA-256 of the code that its entry imports. */
  code: string
  cells: string[]
  state: JobState
  cached: boolean
  attempts: number
  shards: number
  config: Record<string, Json>
  /** Seconds by what they went to, over all attempts. For a cached job zeros: this run spent nothing on it. */
  seconds: PhaseSeconds
  /** Ranks and device that made the result (`cpu`, `NVIDIA H100`), as the worker's hello says; null where unknown. */
  world: number | null
  device: string | null
  /** Versions as the worker's hello says, `{ torch: '2.13.0' }`. */
  versions: Record<string, string>
  summary: string | null
  error: { code: string; message: string; hint: string | null } | null
  /** The last things that its workers warned of. */
  warnings: string[]
}

/** `restarting`: from an attempt's end to the first step of the one after it; `lost`: computed, and not committed. */
export const phases = ['queueing', 'starting', 'training', 'saving', 'restarting', 'lost'] as const
export type Phase = (typeof phases)[number]
export type PhaseSeconds = Record<Phase, number>

/** One evaluation episode: a row of `trials.parquet`. */
export type Trial = {
  policy: 'trained' | 'untrained' | 'expert'
  task: string
  trial: number
  seed: number
  /** Hash of the simulator's state at the start: equal hash, equal problem. */
  initial_state: string
  success: boolean
  steps: number
  reason: string
}

/** Metrics of one job over its steps, already thinned (about 200 points a line are enough). */
export type Curve = { job: string; metrics: Record<string, [step: number, value: number][]> }

/**
 * A picture or clip that a worker gave out to be shown. Its name, words between slashes or dots, says what it is:
 * `trials/<policy>/<task>/<trial>` a clip of a trial; `<frame>/input`, `/truth`, `/predicted` the parts of one frame; `depth…` a
 * sheet with all of them side by side; anything else a look at the data. Clips are told from pictures by their type.
 */
export type Sample = {
  name: string
  caption: string | null
  job: string
  stage: string
  cells: string[]
  mime: string
  /** Base64 of the file. */
  data: string
}

/** Seconds over all attempts, as RunView has it; `share` is useful step time in wall time. */
export type Goodput = PhaseSeconds & {
  share: number | null
  stepsComputed: number
  /** Of these, how many had to be computed again: their attempt ended before it committed them. */
  stepsLost: number
}
