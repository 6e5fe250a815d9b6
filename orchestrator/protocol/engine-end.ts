import { z } from 'zod'

/**
 * Why an attempt ended, in the words of the engine that ran it, which may know what its exit record can't say.
 * - preempted: somebody more important needed the place
 * - nodeLost: hardware, a host or the scheduler failed under it; `nodes` are those to blame, where that is known
 * - time: it ran into a limit of the place that it ran in
 * - memory: it was killed for using more than it may, or than there is
 * - cancelled: somebody else ended it
 * - refused: it will never be run as it was asked for
 */
export const EngineEnd = z.strictObject({
  kind: z.enum(['preempted', 'nodeLost', 'time', 'memory', 'cancelled', 'refused']),
  /** A sentence's end: `was preempted by job 1234`. */
  message: z.string(),
  nodes: z.array(z.string()),
})
export type EngineEnd = z.infer<typeof EngineEnd>
