import type { Logger } from 'pino'
import type { Engine } from '../../engines/engine.ts'
import type { Capacity } from '../../ledger/capacity.ts'
import type { RedisLink } from '../../ledger/connect-redis.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Commands } from '../../queue/commands.ts'
import type { Job } from '../../run/job.ts'
import type { StopReason } from '../../run/job-events.ts'
import type { Control } from '../../store/control.ts'
import type { Store } from '../../store/store.ts'
import type { Aggregates } from '../aggregates.ts'
import type { Archive } from '../archive-logs.ts'
import type { AttemptLogs } from '../attempt-logs.ts'
import type { Changes } from '../changes.ts'
import type { Collector } from '../gc/collector.ts'
import type { Journal } from '../journal.ts'
import type { LineUp, Turn } from '../line-up.ts'
import type { Pools } from '../pools/pools.ts'
import type { Secrets } from '../redact.ts'
import type { Settings } from '../settings.ts'
import type { Troubles } from '../troubles.ts'
import type { Listened } from './listened.ts'
import type { Recovery } from './recover.ts'

/** Why something waits, and since when: kept in memory, found out again after a restart. */
export type Waiting = {
  reason: string
  since: number /** Unix milliseconds, if somebody has an idea. */
  until?: number | null
}

/** Who found no room, and what it needs. */
export type Full = { turn: Turn; reason: string }

/** Everything that conducting needs at hand; made once by the daemon. */
export type Context = {
  settings: Settings
  host: string
  /** Written to only while it is ours. */
  store: Store
  control: Control
  redis: RedisLink
  ledger: Ledger
  capacity: Capacity
  commands: Commands
  aggregates: Aggregates
  journal: Journal
  recovery: Recovery
  /** What the daemon as a whole has trouble with. */
  troubles: Troubles
  pools: Pools
  engine: (pool: string) => Engine
  logs: AttemptLogs
  archive: Archive
  collector: Collector
  /** `<key>/<shard>` -> why it isn't placed. */
  waiting: Map<string, Waiting>
  /** Capacities that have no room for the next in line. */
  full: Map<string, Full>
  /** When reservations of nobody were last looked for in a capacity, by the clock of this process. */
  orphansSought: Map<string, number>
  /** Values that runs were given; in memory only. */
  secrets: Secrets
  /** Attempts that somebody waits for the end of, with the way to stop waiting. */
  watched: Map<string, AbortController>
  /** Attempts that a scheduler holds, and that somebody waits for the start of, with the way to stop waiting, and when it was last asked why. */
  queued: Map<string, { stop: AbortController; lookedAt: number }>
  /** Attempts whose signs of life are listened for. */
  listened: Map<string, Listened>
  /** Attempts that this daemon has sent a signal to end, and why. */
  signalled: Map<string, StopReason>
  /** Aggregates whose last look failed, and why: they are looked at again, and say so meanwhile. */
  failing: Map<string, Waiting>
  /** Capacities of which something stays reserved that could not be given back: Redis took no writes just then. */
  owing: Set<string>
  /** Reports that are being written, by run. */
  reporting: Map<string, Promise<void>>
  changes: Changes
  log: Logger
}

/** What places attempts, by the name under which capacity is counted. */
export const capacityAggregate = (capacity: string): string => `pool/${capacity}`

/** Those who wait for a capacity, pool by pool. */
export const linesOf = ({ aggregates, pools }: Pick<Context, 'aggregates' | 'pools'>, capacity: string): LineUp[] =>
  [...aggregates.index.lines].flatMap(([pool, line]) => (pools.of(pool).capacity === capacity ? [line] : []))

export const capacityOf = ({ pools }: Pick<Context, 'pools'>, { planned }: Job): string =>
  pools.of(planned.pool).capacity
