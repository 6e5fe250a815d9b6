/** What the engine asks of the process that pretends, a line of JSON each; `id` comes back with the answer. */
export type Question = { id: number } & (
  | { ask: 'start'; directory: string; attempt: string; job: string; shard: number; outputs: string[] }
  | { ask: 'look'; attempts: string[] }
  | { ask: 'revoke'; attempt: string }
  | { ask: 'signal'; attempt: string; signal: string }
  /** Answered when it is over. */
  | { ask: 'end'; attempt: string }
  | { ask: 'living' }
)

export type State = 'unclaimed' | 'revoked' | 'running' | 'over'
export type Answer = { id: number; states?: Record<string, State>; names?: string[] }

/** What somebody who looks on has seen of an attempt; times in Unix milliseconds. */
export type Seen = {
  attempt: string
  job: string
  shard: number
  /** How often it was asked to be started. */
  asked: number
  startedAt: number
  endedAt: number | null
  end: string | null
}
