import { z } from 'zod'

export const FileEntry = z.strictObject({ path: z.string(), size: z.int().min(0), sha256: z.string().length(64) })
export type FileEntry = z.infer<typeof FileEntry>

/** `<prefix>/checkpoints/<step>/manifest.json`, written last and conditionally: no manifest, no checkpoint. Paths are relative to it. */
export const CheckpointManifest = z.strictObject({
  protocol: z.literal(1),
  job: z.string(),
  shard: z.int().min(0),
  fence: z.int().min(1),
  step: z.int().min(0),
  /** Store key of the manifest that this attempt resumed from. */
  parent: z.string().nullable(),
  world: z.int().min(1),
  files: z.array(FileEntry),
  /** Place in the data, as the worker understands it. */
  cursor: z.json(),
  /** The last means that were reported at that step, by the names of their metrics; empty where unknown. */
  metrics: z.record(z.string(), z.number()).default({}),
  versions: z.record(z.string(), z.string()),
  /** Unix milliseconds. */
  createdAt: z.number(),
})
export type CheckpointManifest = z.infer<typeof CheckpointManifest>

/** `jobs/<key>/artifact.json`, the published pointer of a job: every output's files, wherever under `jobs/<key>/` they lie. */
export const Artifact = z.strictObject({
  protocol: z.literal(1),
  job: z.string(),
  stage: z.string(),
  /** The fence of each shard whose output was taken. */
  fences: z.array(z.int().min(1)),
  /** output name -> files; `key` is the full store key, `path` the place inside the output's folder. */
  outputs: z.record(
    z.string(),
    z.strictObject({
      digest: z.string(),
      format: z.string().nullable(),
      files: z.array(FileEntry.extend({ key: z.string() })),
    }),
  ),
  /** What `done` reported; of shards: merged, {k, n} added up. */
  metrics: z.record(z.string(), z.union([z.number(), z.strictObject({ k: z.int(), n: z.int() })])),
  summary: z.string().nullable(),
  world: z.int().min(1),
  device: z.string().nullable(),
  createdAt: z.number(),
  /** Seconds of attempts that this took, failed ones included: what a cache hit saves. */
  seconds: z.number(),
})
export type Artifact = z.infer<typeof Artifact>
