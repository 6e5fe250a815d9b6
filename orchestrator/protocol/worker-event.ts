import { z } from 'zod'

/** A measured value: a number, or successes out of trials (never a stored average). */
export const MetricValue = z.union([z.number(), z.strictObject({ k: z.int().min(0), n: z.int().min(0) })])
export type MetricValue = z.infer<typeof MetricValue>

const base = { /** Unix time in milliseconds. */ t: z.number() }

/** One line of `events.<rank>.jsonl`. */
export const WorkerEvent = z.discriminatedUnion('type', [
  z.object({
    ...base,
    type: z.literal('hello'),
    versions: z.record(z.string(), z.string()),
    device: z.string(),
    rank: z.int(),
    world: z.int(),
    host: z.string(),
    pid: z.int(),
  }),
  z.object({ ...base, type: z.literal('progress'), step: z.number(), of: z.number(), unit: z.string() }),
  z.object({ ...base, type: z.literal('metric'), name: z.string(), value: z.number(), step: z.number().optional() }),
  z.object({
    ...base,
    type: z.literal('sample'),
    name: z.string(),
    /** Relative to the attempt directory: png, webp, gif or mp4. */ path: z.string(),
    caption: z.string().optional(),
    step: z.number().optional(),
  }),
  z.object({
    ...base,
    type: z.literal('checkpoint'),
    step: z.int(),
    /** Store key of the manifest. */ manifest: z.string(),
    bytes: z.number(),
    /** How long training waited. */ stall_ms: z.number(),
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
