import { z } from 'zod'

/** One thing that was compared bit for bit. */
export const Compared = z.object({
  /** `output model`, `state at step 60`, `metric loss`, `results`, `resume`. */
  what: z.string(),
  /** How many files, points or values. */
  count: z.int(),
  /** Of these: told again by an attempt that resumed, each the same as before. */
  repeated: z.int(),
  /** SHA-256 over all of it, without a stop and with. */
  digests: z.tuple([z.string(), z.string()]),
  /** The first thing that differs; null: every bit is the same. */
  difference: z.string().nullable(),
})
export type Compared = z.infer<typeof Compared>

export const Kill = z.object({
  attempt: z.string(),
  /** The step whose report it was waited for, of those that the twin reported. */
  step: z.number(),
  /** The last step that was reported when it was dead. */
  reached: z.number(),
  rank: z.int(),
  /** Step of the checkpoint that the next attempt resumed from. */
  resumedFrom: z.int(),
  /** Its store key. */
  manifest: z.string(),
})
export type Kill = z.infer<typeof Kill>

/** That a job which was killed and resumed ended as one that was not: of one stage, one shard, one number of ranks. */
export const Certificate = z.object({
  verdict: z.enum(['same', 'different']),
  job: z.string(),
  stage: z.string(),
  entry: z.string(),
  cells: z.array(z.string()),
  shard: z.int(),
  shards: z.int(),
  ranks: z.int(),
  device: z.string().nullable(),
  /** Digest of the code that ran. */
  code: z.string(),
  config: z.record(z.string(), z.json()),
  /** Those parts of the config that were set for the certification alone. */
  with: z.record(z.string(), z.json()),
  /** What steps, ranks and shard were drawn from. */
  seed: z.int(),
  steps: z.number(),
  unit: z.string(),
  kills: z.array(Kill),
  compared: z.array(Compared),
  /** What could not be compared, and why. */
  notCompared: z.array(z.string()),
  /** Said by the attempts that were killed or resumed. */
  warnings: z.array(z.string()),
  /** Of the worker: Python, libraries. */
  versions: z.record(z.string(), z.string()),
  product: z.object({ version: z.string(), build: z.string() }),
  machine: z.object({ host: z.string(), system: z.string(), cpu: z.string(), cores: z.int() }),
  /** Unix milliseconds. */
  at: z.number(),
  seconds: z.number(),
})
export type Certificate = z.infer<typeof Certificate>

/** `reports/<run>/certificate.json` in the state directory. */
export const Certificates = z.object({
  protocol: z.literal(1),
  run: z.string(),
  certificates: z.array(Certificate),
})
export type Certificates = z.infer<typeof Certificates>

/** The first difference of a certificate, with what it is of; null when there is none. */
export function firstDifference({ compared }: Certificate): string | null {
  const found = compared.find(({ difference }) => difference !== null)
  return found === undefined ? null : `${found.what}: ${found.difference}`
}

/** Whether one certificate takes the place of another: the same thing certified once more. */
export const supersedes = (next: Certificate, before: Certificate): boolean =>
  next.job === before.job &&
  next.shard === before.shard &&
  next.ranks === before.ranks &&
  JSON.stringify(next.with) === JSON.stringify(before.with)
