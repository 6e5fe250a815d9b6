import { z } from 'zod'
import { type ErrorCode, errorCodes } from '../../errors.ts'
import { EngineEnd } from '../../protocol/engine-end.ts'
import { AttemptExit } from '../../protocol/exit-record.ts'
import { JobOrder } from '../../protocol/job-order.ts'
import { MetricValue } from '../../protocol/worker-event.ts'

/** Files of an attempt by name: which file of that name (one may be replaced by another), and bytes. */
export const Sizes = z.record(z.string(), z.tuple([z.string(), z.number()]))
export type Sizes = z.infer<typeof Sizes>

/** The part of a launch that nobody on the way may read. */
export const SealedPart = z.object({
  env: z.record(z.string(), z.string()),
  secrets: z.record(z.string(), z.string()),
})
export type SealedPart = z.infer<typeof SealedPart>

/** What the control plane says to an agent. Each may arrive more than once. */
export const AgentMessage = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('launch'),
    attempt: z.string(),
    incarnation: z.string(),
    order: JobOrder,
    /** `SealedPart`, for the process of the agent that has joined. */
    sealed: z.object({ key: z.string(), nonce: z.string(), box: z.string() }),
  }),
  z.object({
    kind: z.literal('signal'),
    attempt: z.string(),
    signal: z.enum(['SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGKILL']),
  }),
  /** Its outputs are wanted in the store. */
  z.object({
    kind: z.literal('collect'),
    attempt: z.string(),
    prefix: z.string(),
    outputs: z.record(z.string(), z.object({ format: z.string().nullable() })),
    metrics: z.record(z.string(), MetricValue),
    summary: z.string().nullable(),
    device: z.string().nullable(),
  }),
  /** How much of its files has arrived: the rest is to be told from there on. */
  z.object({ kind: z.literal('arrived'), attempt: z.string(), sizes: Sizes }),
  /** How are its ranks? */
  z.object({ kind: z.literal('ranks'), attempt: z.string() }),
  /** Nobody needs it any more. */
  z.object({ kind: z.literal('forget'), attempt: z.string() }),
])
export type AgentMessage = z.infer<typeof AgentMessage>
export type LaunchMessage = Extract<AgentMessage, { kind: 'launch' }>
export type CollectMessage = Extract<AgentMessage, { kind: 'collect' }>

const Failure = z.object({
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && code in errorCodes),
  message: z.string(),
})

/** How the ranks of an attempt are, as its agent answers; null where it can't tell. */
export const Ranks = z.array(z.object({ rank: z.int(), state: z.string() })).nullable()

/** Detail of an attempt that is over: how it ended, and then what became of its outputs. */
export const OverDetail = z.object({
  exit: AttemptExit.nullable(),
  end: EngineEnd.nullable(),
  /** `true` when they are in the store; why not; null while nobody has asked for them. */
  collected: z
    .union([z.literal(true), Failure])
    .nullable()
    .default(null),
})
export type OverDetail = z.infer<typeof OverDetail>

export const overDetail = (detail: Omit<OverDetail, 'collected'>): string =>
  JSON.stringify({ ...detail, collected: null })
export const parseOver = (text: string): OverDetail => OverDetail.parse(JSON.parse(text))
