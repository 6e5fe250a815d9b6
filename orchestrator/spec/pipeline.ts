import type { EntryDescription, WorkerDescription } from '../protocol/worker-description.ts'
import type { Gate } from './gates/gate.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Where in the user's file something stands, 1-based. */
export type Place = { file: string; line: number; column: number }

/** One thing that is wrong with a file: what was found, what was expected. */
export type Problem = Place & { message: string }

/** What an input is bound to: another stage's output, a `data:` entry, or nothing (cut off). */
export type Binding =
  | { kind: 'stage'; stage: string; output: string }
  | { kind: 'data'; name: string }
  | { kind: 'none' }

export type Resources = {
  nodes: number
  /** Processes of the attempt; with GPUs: one per GPU. Recorded beside the result, not part of the key. */
  ranks: number
  /** GPUs per node. */
  gpus: number
  /** CPU cores per node. */
  cores: number
  /** Bytes per node, or null for no limit. */
  memory: number | null
  /** Seconds, or null for no limit. */
  time: number | null
}

/** Which checkpoints stay: any of these is reason enough. The newest good one always does. */
export type Keep = {
  /** That many of the newest. */
  last: number
  /** Those at steps that are multiples of it, or null. */
  every: number | null
  /** The one whose manifest says the least or the most of a metric, or null. */
  best: { metric: string; mode: 'min' | 'max' } | null
}

export type CheckpointPolicy = { /** Steps between two saves, or null. */ every: number | null; keep: Keep }

export type Retry = { /** Crashes and hangs before the job fails. */ crashes: number; backoffMs: number }

/** What attempts may reach: nothing but the object store, nothing at all, or whatever their host does. */
export const networks = ['store', 'none', 'host'] as const
export type Network = (typeof networks)[number]

/** A stage of one cell, with its overrides applied and its variables filled in. */
export type Stage = {
  name: string
  entry: string
  description: EntryDescription
  config: Record<string, Json>
  inputs: Record<string, Binding>
  /** Inputs that are read in place, instead of being staged on the host first. */
  stream: string[]
  resources: Resources
  shards: number
  checkpoint: CheckpointPolicy
  retry: Retry
  /** Longest silence of a worker that is no hang, seconds; null: hangs are not looked for. */
  hang: number | null
  pool: string
  /** Null: what the pool says. */
  network: Network | null
  place: Place
}

export type DataSource = { name: string; path: string; format: string | null; version: string | null; place: Place }

export type Cell = {
  /** Axis values joined by a comma, `full,1`; `default` where there is no matrix. */
  name: string
  values: Record<string, Json>
  /** Only the stages that this cell needs: sinks of the pipeline and what they are fed by. In topological order. */
  stages: Stage[]
}

export type ReportSpec = { rows: string | null; baseline: string | null; columns: string; value: string }

/** Where curves, pictures and results go besides the report; never part of a key. */
export type Metrics = {
  tensorboard: boolean
  /** Weights & Biases, or null. */
  wandb: { project: string; entity: string | null; mode: 'online' | 'offline' } | null
}

/** A checked pipeline: nothing in it can be wrong any more, except what only a run can find. */
export type Pipeline = {
  name: string
  file: string
  worker: { folder: string; description: WorkerDescription }
  secrets: string[]
  data: DataSource[]
  cells: Cell[]
  /** Names of all stages of the file in topological order. */
  stageOrder: string[]
  report: ReportSpec
  gates: Gate[]
  /** Null where nobody asked for it. */
  metrics: Metrics | null
  labels: Record<string, string>
  priority: number
  /** What happens to the other jobs once one has failed for good. */
  onFailure: 'continue' | 'stop'
}
