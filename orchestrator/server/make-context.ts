import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { hostCapacity } from '../engines/host-capacity.ts'
import { hostCaches } from '../engines/prepare/host-folders.ts'
import { faultPoint } from '../fault-point.ts'
import { Capacity } from '../ledger/capacity.ts'
import type { RedisLink } from '../ledger/connect-redis.ts'
import { Ledger } from '../ledger/ledger.ts'
import { Commands } from '../queue/commands.ts'
import type { Standings } from '../store/cache-uses.ts'
import { takeControl } from '../store/control.ts'
import { guardedStore } from '../store/guarded-store.ts'
import { identityOf } from '../store/identity.ts'
import { openStore } from '../store/open-store.ts'
import { Aggregates, type Changed } from './aggregates.ts'
import { Archive } from './archive-logs.ts'
import { AttemptLogs } from './attempt-logs.ts'
import { attemptStandings } from './attempt-standings.ts'
import { Changes } from './changes.ts'
import { type Context, capacityAggregate } from './conduct/context.ts'
import { touchedBy } from './conduct/look.ts'
import { setHosts } from './conduct/reconcile.ts'
import { Recovery } from './conduct/recover.ts'
import { makeCollector } from './gc/make-collector.ts'
import { Journal } from './journal.ts'
import { type OpenedRedis, openRedis } from './open-redis.ts'
import { attemptsOf } from './pools/attempts-of.ts'
import { configuredPools } from './pools/configured-pools.ts'
import { openPools } from './pools/open-pools.ts'
import { makePlaceOf } from './pools/place-of.ts'
import { Secrets } from './redact.ts'
import type { Settings } from './settings.ts'
import { Troubles } from './troubles.ts'
import type { Undo } from './undo.ts'

/** `again` starts an embedded Redis again; null where there is none. */
type Opened = { context: Context; again: OpenedRedis['again'] }

/** What a daemon stands on; whoever measures it may put another store or other engines in their place. */
export type Parts = { openStore: typeof openStore; openPools: typeof openPools }

const realParts: Parts = { openStore, openPools }

/** Opens everything that a daemon works with; what has to be closed again is put on the undo list. */
export async function makeContext(
  settings: Settings,
  log: Logger,
  stop: () => void,
  undo: Undo,
  parts: Parts = realParts,
): Promise<Opened> {
  const host = hostname()
  const bare = await parts.openStore(settings.store)
  const identity = bare.probe().then(() => identityOf(bare))
  const [{ link: redis, again }, found] = await Promise.all([
    openRedis(settings, identity, log, undo),
    hostCapacity(),
    identity,
  ])
  const changes = new Changes()
  const troubles = new Troubles(log, () => changes.tell())
  const storeWent = tellOfStore(troubles)
  const owner = { stateDir: settings.stateDir, host, pid: process.pid }
  const control = await takeControl(bare, owner, {
    beat: (error) => storeWent('heartbeat', error),
    lost: () => {
      log.error('another control plane has taken the store; this one ends, and leaves its attempts alone')
      stop()
    },
  })
  const store = guardedStore(bare, control.ensure)
  undo.push(() => control.release())
  faultPoint('control-taken')

  const recovery = new Recovery(() => context)
  if (again) undo.push(() => recovery.close())
  const ledger = new Ledger(redis)
  const commands = new Commands(withOwnQueue(redis, settings, host), log)
  const journal = new Journal(ledger, store, log, {
    checkOwner: control.ensure,
    went: (error) => storeWent('journal', error),
  })
  undo.push(() => journal.stop())
  let made: Context | null = null
  const standings: Standings = (attempts) => attemptStandings(aggregates)(attempts)
  const pools = await parts.openPools(configuredPools(settings.pools), {
    settings,
    store,
    identity: await identity,
    control,
    redis,
    host,
    hostCapacity: { ...found, cores: settings.cores ?? found.cores },
    log,
    caches: hostCaches(settings.stateDir, settings, { standings, log }),
    standings,
    // What engines hear before there is a context is found out by its recovery.
    hostsChanged: async (capacity) => {
      if (made) await hostsChanged(made, capacity)
    },
    attempts: attemptsOf(() => made),
  })
  undo.push(() => Promise.all(pools.list.map((pool) => pool.close())))
  const secrets = new Secrets()
  const archive = new Archive(store, log)
  undo.push(() => archive.done())

  const changed: Changed = (aggregate, events) => {
    changes.tell()
    commands
      .sendAll(touchedBy(context, aggregate, events))
      .catch((error: unknown) => log.error({ err: error, aggregate }, 'looks not sent'))
  }
  const aggregates = new Aggregates(ledger, {
    awake: control.awake,
    changed,
    keep: (aggregate, from, events) => journal.keep(aggregate, from, events),
    recover: () => recovery.again(),
  })
  const logs = new AttemptLogs(
    makePlaceOf(pools, aggregates),
    (line) => secrets.redact(line),
    () => changes.tell(),
  )
  undo.push(() => logs.close())
  const collector = makeCollector(store, control, aggregates, (run) => context.reporting.has(run))
  undo.push(() => collector.close())
  const context: Context = {
    settings,
    host,
    store,
    control,
    redis,
    ledger,
    capacity: new Capacity(redis),
    commands,
    aggregates,
    journal,
    recovery,
    troubles,
    pools,
    engine: (pool) => pools.engine(pool),
    logs,
    archive,
    collector,
    waiting: new Map(),
    full: new Map(),
    orphansSought: new Map(),
    secrets,
    watched: new Map(),
    queued: new Map(),
    listened: new Map(),
    signalled: new Map(),
    failing: new Map(),
    owing: new Set(),
    reporting: new Map(),
    changes,
    log,
  }
  made = context
  undo.push(() => Promise.all(context.reporting.values()))
  // First of all at the end: what is still looked at then needs all the rest.
  undo.push(() => commands.close())
  undo.push(() => {
    for (const watcher of context.watched.values()) watcher.abort()
    for (const { stop } of context.queued.values()) stop.abort()
  })
  return { context, again }
}

/** More room, or less: what waits is looked at again. */
async function hostsChanged(context: Context, capacity: string): Promise<void> {
  try {
    await setHosts(context, capacity)
    await context.commands.send(capacityAggregate(capacity))
  } catch (error) {
    context.log.warn({ err: error, capacity }, 'its hosts are not up to date')
  }
  context.changes.tell()
}

/** Trouble with the store is what the heartbeat meets, or the journal, and over when neither does. */
function tellOfStore(troubles: Troubles): (by: 'heartbeat' | 'journal', error: unknown) => void {
  const failing = new Set<string>()
  return (by, error) => {
    if (error === null) failing.delete(by)
    else failing.add(by)
    if (error !== null) troubles.raise('store', error)
    else if (failing.size === 0) troubles.clear('store')
  }
}

/** One control plane that has lost the store without knowing it yet must not take the messages of the next one. */
function withOwnQueue(redis: RedisLink, { stateDir }: Settings, host: string): RedisLink {
  const own = createHash('sha256').update(`${host}:${stateDir}`).digest('hex').slice(0, 12)
  return { ...redis, keys: { ...redis.keys, queue: `${redis.keys.queue}:${own}` } }
}
