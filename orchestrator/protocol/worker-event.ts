import { z } from 'zod'

/** A measured value: a number, or successes out of trials (never a stored average). */
export const MetricValue = z.union([z.number(), z.strictObject({ k: z.int().min(0), n: z.int().min(0) })])
export type MetricValue = z.infer<typeof MetricValue>

/** What a clock can say, and what can be counted: figures beyond overflow in sums, and JSON has no infinity. */
const time = z.number().min(0).max(8.64e15)
const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER)

const base = { /** Unix time in milliseconds. */ t: time }

/** One line of `events.<rank>.jsonl`. */
export const WorkerEvent = z.discriminatedUnion('type', [
  z.object({
    ...base,
    type: z.literal('hello'),
    /** Of these events; a worker that names none speaks 1. */ protocol: z.int().optional(),
    versions: z.record(z.string(), z.string()),
    device: z.string(),
    rank: z.int(),
    world: z.int(),
    host: z.string(),
    pid: z.int(),
  }),
  /** Rank 0's is what people see. The same step reported again is no progress. */
  z.object({ ...base, type: z.literal('progress'), step: amount, of: amount, unit: z.string() }),
  /** Slow work without progress begins: it is no hang. Over with the rank's next progress. */
  z.object({
    ...base,
    type: z.literal('busy'),
    /** As in "silent while …": `saving`, `evaluating`. */ what: z.string(),
    /** How long it should take, if that is known. */ seconds: amount.optional(),
  }),
  /** One value of a curve. `time.…` and `stream.…` are measured with a clock: `certify` doesn't compare them. */
  z.object({ ...base, type: z.literal('metric'), name: z.string(), value: z.number(), step: amount.optional() }),
  z.object({
    ...base,
    type: z.literal('sample'),
    name: z.string(),
    /** Relative to the attempt directory: png, webp, gif or mp4. */ path: z.string(),
    caption: z.string().optional(),
    step: amount.optional(),
  }),
  z.object({
    ...base,
    type: z.literal('checkpoint'),
    step: z.int().min(0),
    /** Store key of the manifest. */ manifest: z.string(),
    bytes: amount,
    /** How long training waited. */ stall_ms: amount,
  }),
  z.object({
    ...base,
    type: z.literal('artifact'),
    name: z.string(),
    /** A line for people: `80 episodes, 3,485 frames`. */ summary: z.string().optional(),
  }),
  z.object({ ...base, type: z.literal('warning'), message: z.string() }),
  z.object({
    ...base,
    type: z.literal('done'),
    metrics: z.record(z.string(), MetricValue),
    summary: z.string().optional(),
  }),
  z.object({ ...base, type: z.literal('failed'), code: z.string(), message: z.string(), hint: z.string().optional() }),
])
export type WorkerEvent = z.infer<typeof WorkerEvent>
