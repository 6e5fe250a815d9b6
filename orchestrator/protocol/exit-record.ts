import { z } from 'zod'

/** `exit.<rank>.json`: how one rank ended, in its own words; no rank's code is folded into another's. */
export const RankExit = z.strictObject({
  rank: z.int().min(0),
  code: z.int().nullable(),
  signal: z.string().nullable(),
  /** Unix milliseconds. */
  startedAt: z.number(),
  endedAt: z.number(),
  /** Peak resident set in bytes, of the rank and its children. */
  peakRss: z.number().nullable(),
  /** Whether the kernel killed it for want of memory. */
  oomKilled: z.boolean().default(false),
})
export type RankExit = z.infer<typeof RankExit>

/** `exit.json`: the end of the attempt, written once after every rank has ended. */
export const AttemptExit = z.strictObject({
  attempt: z.string(),
  /** Why the launcher ended it: its ranks did, it was asked to, or a limit was reached. */
  cause: z.enum(['ranks', 'signal', 'time', 'memory', 'launcher']),
  /** The first rank that ended badly, which made the others end; null when all ended with 0. */
  firstBad: z.int().nullable(),
  ranks: z.array(RankExit),
  /** Most bytes that all ranks were seen to use together; null where no limit was set, so that nobody looked. */
  peakMemory: z.number().nullable().default(null),
  startedAt: z.number(),
  endedAt: z.number(),
  /** Set when the launcher itself could not go on: bad job.json, no such command. */
  message: z.string().nullable(),
  /** What kind of `message`, where waiting or another place may help: DISK_FULL, GPU_BUSY, NODE_BAD, NODE_LOST. */
  code: z.string().nullable().default(null),
  /** Nodes that `message` blames. */
  nodes: z.array(z.string()).default([]),
})
export type AttemptExit = z.infer<typeof AttemptExit>

/** Exit codes with a meaning (sysexits where there is one). */
export const exitCode = {
  done: 0,
  usage: 64,
  dataError: 65,
  noInput: 66,
  software: 70,
  cantCreate: 73,
  ioError: 74,
  tryAgain: 75,
  config: 78,
} as const
