import { z } from 'zod'
import { type ErrorCode, errorCodes } from '../../errors.ts'
import { EngineEnd } from '../../protocol/engine-end.ts'
import { AttemptExit } from '../../protocol/exit-record.ts'
import { JobOrder } from '../../protocol/job-order.ts'
import { MetricValue } from '../../protocol/worker-event.ts'

/** Files of an attempt by name: which file of that name (one may be replaced by another), and bytes. */
export const Sizes = z.record(z.string(), z.tuple([z.string(), z.number()]))
export type Sizes = z.infer<typeof Sizes>

/** What the control plane says to an agent. Each may arrive more than once. */
export const AgentMessage = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('launch'),
    attempt: z.string(),
    incarnation: z.string(),
    order: JobOrder,
    secrets: z.object({ key: z.string(), nonce: z.string(), box: z.string() }).nullable(),
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
