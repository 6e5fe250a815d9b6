import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { hostCapacity } from '../engines/host-capacity.ts'
import { LocalEngine } from '../engines/local.ts'
import { faultPoint } from '../fault-point.ts'
import { Capacity } from '../ledger/capacity.ts'
import { Ledger } from '../ledger/ledger.ts'
import { Commands } from '../queue/commands.ts'
import { takeControl } from '../store/control.ts'
import { openStore } from '../store/open-store.ts'
import { Aggregates, type Changed } from './aggregates.ts'
import { Archive } from './archive-logs.ts'
import { AttemptLogs } from './attempt-logs.ts'
import { Changes } from './changes.ts'
import type { Context } from './conduct/context.ts'
import { touchedBy } from './conduct/look.ts'
import { Journal } from './journal.ts'
import { openRedis } from './open-redis.ts'
import { Secrets } from './redact.ts'
import type { Settings } from './settings.ts'
import type { Undo } from './undo.ts'

/** Opens everything that a daemon works with; what has to be closed again is put on the undo list. */
export async function makeContext(settings: Settings, log: Logger, stop: () => void, undo: Undo): Promise<Context> {
  const host = hostname()
  const store = await openStore(settings.store)
  const [redis, found] = await Promise.all([openRedis(settings, log, undo), hostCapacity(), store.probe()])
  const owner = { stateDir: settings.stateDir, host, pid: process.pid }
  const control = await takeControl(store, owner, (error) => log.warn({ err: error }, 'heartbeat not written'))
  undo.push(() => control.release())
  faultPoint('control-taken')

  const ledger = new Ledger(redis)
  const commands = new Commands(redis, log)
  const journal = new Journal(ledger, store, log)
  undo.push(() => journal.stop())
  const engine = new LocalEngine({ stateDir: settings.stateDir, python: settings.python, log })
  undo.push(() => engine.close())
  engine.warmUp()
  const changes = new Changes()
  const secrets = new Secrets()
  const logs = new AttemptLogs(
    (attempt) => engine.directory(attempt),
    (line) => secrets.redact(line),
    () => changes.tell(),
  )
  undo.push(() => logs.close())
  const archive = new Archive(store, log)
  undo.push(() => archive.done())

  const changed: Changed = (aggregate, events) => {
    changes.tell()
    commands
      .sendAll(touchedBy(context, aggregate, events))
      .catch((error: unknown) => log.error({ err: error, aggregate }, 'looks not sent'))
  }
  const context: Context = {
    settings,
    host,
    store,
    control,
    lostControl: () => {
      log.error('another control plane has taken the store; this one ends')
      stop()
    },
    redis,
    ledger,
    capacity: new Capacity(redis),
    commands,
    aggregates: new Aggregates(ledger, changed),
    journal,
    hostCapacity: { ...found, cores: settings.cores ?? found.cores },
    engine: () => engine,
    logs,
    archive,
    waiting: new Map(),
    secrets,
    watched: new Map(),
    signalled: new Map(),
    failing: new Map(),
    reporting: new Map(),
    changes,
    log,
  }
  undo.push(() => Promise.all(context.reporting.values()))
  // First of all at the end: what is still looked at then needs all the rest.
  undo.push(() => commands.close())
  undo.push(() => {
    for (const watcher of context.watched.values()) watcher.abort()
  })
  return context
}
