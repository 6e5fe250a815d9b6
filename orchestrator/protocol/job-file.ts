import { z } from 'zod'

/** Where the worker finds the store; credentials come from its environment or `secrets`, never from here. */
export const StoreAddress = z.strictObject({
  /** `file:///folder` or `s3://bucket/prefix` */
  url: z.string(),
  endpoint: z.string().optional(),
  region: z.string().optional(),
})
export type StoreAddress = z.infer<typeof StoreAddress>

/** An input of an attempt, staged on the host that runs it. Read-only. */
export const StagedInput = z.strictObject({
  /** Absolute path of the folder (an artifact's output) or of the data that the pipeline names. */
  path: z.string(),
  format: z.string().nullable(),
  /** Digest of the artifact's manifest, or the data's fingerprint. */
  digest: z.string(),
})
export type StagedInput = z.infer<typeof StagedInput>

/** An input that stays where it is: read from there, block by block. For entries whose input `streams`. */
export const StreamedInput = z.strictObject({
  store: StoreAddress,
  /** Store key of an artifact's manifest, and which of its outputs; null: all objects below the address. */
  artifact: z.strictObject({ key: z.string(), output: z.string() }).nullable(),
  format: z.string().nullable(),
  /** Digest of the artifact's manifest, or the data's fingerprint. */
  digest: z.string(),
})
export type StreamedInput = z.infer<typeof StreamedInput>

/** Where rank 0 also writes what it measures; that it can't is no reason to stop. */
export const MetricsFile = z.strictObject({
  /** Absolute folder for files: the same for all attempts, so that a resumed one goes on with the curves of the last. */
  folder: z.string(),
  /** What people call the job: `train[full]`. */
  name: z.string(),
  tensorboard: z.boolean(),
  /** Weights & Biases; what is secret about it comes through `secrets`. */
  wandb: z
    .strictObject({ project: z.string(), entity: z.string().nullable(), mode: z.enum(['online', 'offline']) })
    .nullable(),
})
export type MetricsFile = z.infer<typeof MetricsFile>

/** `job.json`: all that an attempt is told. Written by the control plane, read by the launcher and by every rank. */
export const JobFile = z.strictObject({
  protocol: z.literal(1),
  attempt: z.string(),
  job: z.string(),
  stage: z.string(),
  shard: z.int().min(0),
  shards: z.int().min(1),
  fence: z.int().min(1),
  /** argv of one rank; the launcher starts it `ranks` times, in `code`, which is also first on PYTHONPATH. */
  command: z.array(z.string()).min(1),
  /** Absolute path of the snapshot of the code that was hashed. */
  code: z.string(),
  entry: z.string(),
  config: z.record(z.string(), z.json()),
  inputs: z.record(z.string(), z.union([StagedInput, StreamedInput]).nullable()),
  /** Where this host keeps what is read of streamed inputs, for all attempts together, and bytes at most. There where an input is streamed. */
  cache: z.strictObject({ path: z.string(), bytes: z.int().min(1) }).optional(),
  /** Names of outputs; each is a folder `outputs/<name>/` in the attempt directory, collected after exit 0. */
  outputs: z.array(z.string()),
  /** Of all nodes together: as many on each. */
  ranks: z.int().min(1),
  /** Left out: one. */
  nodes: z.int().min(1).optional(),
  /** CPU cores for the whole attempt on each node. */
  cores: z.int().min(1),
  /** CUDA device ids of this host, one per rank, or none, where the scheduler of the place hands them out. */
  gpus: z.array(z.string()),
  store: StoreAddress,
  /** Checkpoints go under `<prefix>/checkpoints/<step>/` in the store. */
  prefix: z.string(),
  /** Store keys of checkpoint manifests that may be resumed from, best first; a broken one falls to the next. */
  resume: z.array(z.string()),
  /** How often to save. What is kept isn't the worker's to say: a replaced one that wakes up must not be able to delete. */
  checkpoint: z.strictObject({
    every: z.int().min(1).nullable(),
    /** Save at the last step too, where the output makes it useless but for a comparison. */
    final: z.boolean().optional(),
  }),
  /** What it may reach, where its place can see to that. Left out: what the place says. */
  network: z.enum(['store', 'none', 'host']).optional(),
  /** Seconds between SIGTERM and SIGKILL. */
  grace: z.number().positive(),
  /** Seconds that the attempt may run, or null. */
  time: z.number().positive().nullable(),
  /** Bytes of memory that all its ranks on one host may use together, or null; who uses more is killed. */
  memory: z.int().min(1).nullable(),
  /** Bytes of standard output or error kept per rank. */
  logBytes: z.int().min(4096),
  /** Left out: nowhere but into events. */
  metrics: MetricsFile.optional(),
  /** File with one JSON object of secrets (mode 0600), or null. */
  secrets: z.string().nullable(),
})
export type JobFile = z.infer<typeof JobFile>

/** What must still be on the host for an attempt to be run again: its code, and inputs that were staged. */
export const foldersOf = (job: JobFile): string[] => [
  job.code,
  ...Object.values(job.inputs).flatMap((input) => (input !== null && 'path' in input ? [input.path] : [])),
]
