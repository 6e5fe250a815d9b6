import type { CheckpointPolicy, Json, Resources, Retry } from '../spec/pipeline.ts'

/** What an input of a job is: an output of another job, or data from outside with its fingerprint. */
export type JobInput =
  | { kind: 'job'; key: string; output: string; format: string | null }
  | { kind: 'data'; name: string; path: string; format: string | null; fingerprint: string }

/** Code of a job: the files that were hashed, and only they, make its snapshot. */
export type JobCode = {
  digest: string
  /** Place in the snapshot -> SHA-256 of the content. */
  files: Record<string, string>
}

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
