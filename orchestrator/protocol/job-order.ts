import { z } from 'zod'
import { JobFile, MetricsFile, StagedInput, StreamedInput } from './job-file.ts'

/** Code of a job: the files that were hashed, and only they, make its snapshot. */
export const JobCode = z.strictObject({
  digest: z.string(),
  /** Place in the snapshot -> SHA-256 of the content. */
  files: z.record(z.string(), z.string()),
})
export type JobCode = z.infer<typeof JobCode>

/** What an input of a job is: an output of another job, or data from outside with its fingerprint. */
export const JobInput = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('job'), key: z.string(), output: z.string(), format: z.string().nullable() }),
  z.strictObject({
    kind: z.literal('data'),
    name: z.string(),
    path: z.string(),
    format: z.string().nullable(),
    fingerprint: z.string(),
  }),
])
export type JobInput = z.infer<typeof JobInput>

/**
 * A `job.json` of which code, inputs and folders may still have to be found on the host that runs it. The first word
 * `python` of the command means that host's interpreter.
 */
export const JobOrder = JobFile.extend({
  code: z.union([JobCode, JobFile.shape.code]),
  inputs: z.record(z.string(), z.union([JobInput, StagedInput, StreamedInput]).nullable()),
  /** Inputs that are read in place, instead of being staged on the host first. */
  stream: z.array(z.string()).optional(),
  metrics: z.union([MetricsFile.omit({ folder: true }), MetricsFile]).optional(),
})
export type JobOrder = z.infer<typeof JobOrder>
