import type { JobCode, JobInput } from '../protocol/job-order.ts'
import type { CheckpointPolicy, Json, Network, Resources, Retry } from '../spec/pipeline.ts'

export type { JobCode, JobInput }

/** Everything that the content key is made of, part by part, so that `cache why` can say which part differs. */
export type KeyParts = {
  entry: string
  command: string[]
  code: string
  lock: string | null
  config: Record<string, Json>
  inputs: Record<string, string | null>
  generation: number
}

/** One stage with fixed config and inputs. Belongs to no run. */
export type PlannedJob = {
  /** SHA-256 of the canonical key parts, 64 hex digits. */
  key: string
  parts: KeyParts
  stage: string
  entry: string
  command: string[]
  config: Record<string, Json>
  inputs: Record<string, JobInput | null>
  /** Inputs that are read in place, instead of being staged on the host first. Older jobs don't say. */
  stream?: string[]
  outputs: Record<string, { format: string | null }>
  code: JobCode
  /** Keys of the jobs whose outputs it reads. */
  needs: string[]
  resources: Resources
  shards: number
  checkpoint: CheckpointPolicy
  retry: Retry
  /** Longest silence that is no hang, seconds; null: hangs are not looked for. */
  hang: number | null
  pool: string
  /** Left out: what the pool says. */
  network?: Network
  secrets: string[]
}

export type PlannedCell = {
  name: string
  values: Record<string, Json>
  /** stage -> key, in topological order. */
  jobs: Record<string, string>
}

/** Pure result of planning: cells, and each distinct job once, in topological order. */
export type Plan = { pipeline: string; cells: PlannedCell[]; jobs: PlannedJob[] }
