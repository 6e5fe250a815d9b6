import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { hostCapacity } from '../engines/host-capacity.ts'
import { LocalEngine } from '../engines/local.ts'
import { OrchestrateError } from '../errors.ts'
import { Capacity } from '../ledger/capacity.ts'
import { connectRedis, type RedisLink } from '../ledger/connect-redis.ts'
import { Ledger } from '../ledger/ledger.ts'
import { socketPath } from '../ledger/socket-path.ts'
import { type EmbeddedRedis, startRedis } from '../ledger/start-redis.ts'
import { Commands } from '../queue/commands.ts'
import { isOver } from '../run/job.ts'
import { takeControl } from '../store/control.ts'
import { openStore } from '../store/open-store.ts'
import { Aggregates, jobAggregate, runAggregate } from './aggregates.ts'
import type { Health } from './api.ts'
import { AttemptLogs } from './attempt-logs.ts'
import { buildId, version } from './build-id.ts'
import { Changes } from './changes.ts'
import { conductJob } from './conduct/conduct-job.ts'
import { conductRun } from './conduct/conduct-run.ts'
import { type Context, poolAggregate } from './conduct/context.ts'
import { conductPool } from './conduct/place.ts'
import { reconcile } from './conduct/reconcile.ts'
import { abandonForeign, restoreFromJournal } from './conduct/restore.ts'
import { lockStateDir } from './daemon-lock.ts'
import { whenIdle } from './idle.ts'
import { Journal } from './journal.ts'
import { Secrets } from './redact.ts'
import { daemonRoutes } from './routes/daemon.ts'
import { answerErrors } from './routes/errors.ts'
import { jobRoutes } from './routes/jobs.ts'
import { runRoutes } from './routes/runs.ts'
import { makeStateDir, type Settings } from './settings.ts'

export type Daemon = {
  health: () => Health /** Resolves when it has stopped. */
  stopped: Promise<void>
  stop: () => void
}

/** Things to undo at the end, last first. */
type Undo = (() => unknown)[]

/**
 * Starts the one daemon of a state directory: takes its lock, Redis, the store and its control, looks at everything
 * that the ledger has, and only then answers. Attempts outlive it: stopping it ends no work.
 */
export async function startDaemon(settings: Settings, log: Logger): Promise<Daemon> {
  const undo: Undo = []
  try {
    return await start(settings, log, undo)
  } catch (error) {
    await unwind(undo, log)
    throw error
  }
}

async function start(settings: Settings, log: Logger, undo: Undo): Promise<Daemon> {
  makeStateDir(settings.stateDir)
  undo.push(await lockStateDir(settings.stateDir))
  const store = await openStore(settings.store)
  const [redis] = await Promise.all([openRedis(settings, log, undo), store.probe()])
  const control = await takeControl(
    store,
    { stateDir: settings.stateDir, host: hostname(), pid: process.pid },
    (error) => log.warn({ err: error }, 'heartbeat not written'),
  )
  undo.push(() => control.release())

  const ledger = new Ledger(redis)
  const capacity = new Capacity(redis)
  const commands = new Commands(redis, log)
  undo.push(() => commands.close())
  const journal = new Journal(ledger, store, log)
  undo.push(() => journal.stop())
  const changes = new Changes()
  const engine = new LocalEngine({ stateDir: settings.stateDir, python: settings.python, log })
  const secrets = new Secrets()
  const logs = new AttemptLogs(
    (attempt) => engine.directory(attempt),
    (line) => secrets.redact(line),
    () => changes.tell(),
  )
  undo.push(() => logs.close())
  const aggregates = new Aggregates(ledger, (aggregate) => {
    changes.tell()
    for (const other of touchedBy(context, aggregate))
      void commands.send(other).catch((error: unknown) => log.error({ err: error }, 'look not sent'))
  })
  let resolveStopped = (): void => {}
  const stopped = new Promise<void>((resolve) => {
    resolveStopped = resolve
  })
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    void unwind(undo, log).then(resolveStopped)
  }
  const host = hostname()
  const found = await hostCapacity()
  const context: Context = {
    settings,
    host,
    store,
    control,
    lostControl: () => {
      log.error('another control plane has taken the store; this one ends')
      stop()
    },
    ledger,
    capacity,
    commands,
    aggregates,
    journal,
    hostCapacity: { ...found, cores: settings.cores ?? found.cores },
    engine: () => engine,
    logs,
    waiting: new Map(),
    secrets,
    watched: new Map(),
    reporting: new Set(),
    changes,
    log,
  }
  undo.push(() => {
    for (const stop of context.watched.values()) stop.abort()
  })

  await capacity.setHost('local', host, context.hostCapacity)
  const restored = await restoreFromJournal(context)
  await aggregates.load()
  await abandonForeign(context, restored)
  await reconcile(context)
  await commands.clear()
  await commands.work((aggregate) => look(context, aggregate))
  journal.start()
  await commands.sendAll(everything(context))

  let handle: RequestListener = () => {}
  const app = Fastify({
    serverFactory: (handler) => {
      handle = handler
      return createServer(handler)
    },
    loggerInstance: log.child({ part: 'http' }, { level: 'warn' }) as FastifyBaseLogger, // a request is no news
    bodyLimit: 64 << 20,
    forceCloseConnections: true,
  })
  const idle = whenIdle(settings.idleMs, () => [...aggregates.runs.values()].every((run) => run.state !== 'running'))
  const startedAt = Date.now()
  const address = settings.tcp ? `http://${settings.tcp.host}:${settings.tcp.port}` : null
  const health = (): Health => ({
    version,
    build: buildId(),
    pid: process.pid,
    state: settings.stateDir,
    store: store.url,
    redis: redis.shown,
    address,
    startedAt,
    runs: aggregates.runs.size,
  })
  answerErrors(app)
  app.addHook('onRequest', async () => idle.touch())
  runRoutes(app, context)
  jobRoutes(app, context)
  daemonRoutes(app, context, health, stop)
  await listen(app, settings, undo)
  if (settings.tcp) await listenOnTcp((request, response) => handle(request, response), settings.tcp, undo)
  idle.start(stop)
  undo.push(() => idle.stop())
  await writeFile(join(settings.stateDir, 'daemon.json.new'), `${JSON.stringify(health())}\n`)
  await rename(join(settings.stateDir, 'daemon.json.new'), join(settings.stateDir, 'daemon.json'))
  return { health, stopped, stop }
}

async function openRedis(settings: Settings, log: Logger, undo: Undo): Promise<RedisLink> {
  let embedded: EmbeddedRedis | null = null
  if (settings.redisUrl === null) {
    embedded = await startRedis(settings.stateDir)
    const { stop } = embedded
    undo.push(() => stop())
  }
  // One Redis may serve several control planes: each has its own corner.
  const namespace = createHash('sha256').update(settings.stateDir).update(settings.store.url).digest('hex').slice(0, 12)
  const link = await connectRedis(embedded?.socket ?? settings.redisUrl ?? '', namespace, (error) =>
    log.warn({ err: error }, 'redis'),
  )
  for (const warning of link.warnings) log.warn(warning)
  undo.push(() => link.close())
  return link
}

function look(context: Context, aggregate: string): Promise<void> {
  const [kind, ...rest] = aggregate.split('/')
  const name = rest.join('/')
  if (kind === 'job') return conductJob(context, name)
  if (kind === 'run') return conductRun(context, name)
  return conductPool(context, name)
}

/** Whoever has to look again when an aggregate has changed: itself, and those who wait for it. */
function touchedBy(context: Context, aggregate: string): string[] {
  const [kind, name = ''] = aggregate.split('/')
  if (kind === 'run') return [aggregate]
  const job = context.aggregates.jobs.get(name)
  if (!job) return [aggregate]
  const pool = poolAggregate(job.planned.pool)
  if (!isOver(job)) return [aggregate, pool]
  const readers = [...context.aggregates.jobs.values()].filter(
    (other) => other.phase === 'waiting' && other.planned.needs.includes(name),
  )
  // A run that was withdrawn waits for its jobs' ends without wanting them any more.
  const runs = [...context.aggregates.runs.values()].filter(
    (run) => run.state === 'running' && run.submitted.jobs.includes(name),
  )
  return [
    aggregate,
    pool,
    ...readers.map((other) => jobAggregate(other.key)),
    ...runs.map((run) => runAggregate(run.submitted.run)),
  ]
}

function everything(context: Context): string[] {
  const jobs = [...context.aggregates.jobs.values()].filter((job) => !isOver(job)).map((job) => jobAggregate(job.key))
  const runs = [...context.aggregates.runs.values()]
    .filter((run) => run.state === 'running')
    .map((run) => runAggregate(run.submitted.run))
  return [...jobs, ...runs]
}

async function listen(app: FastifyInstance, settings: Settings, undo: Undo): Promise<void> {
  const path = socketPath(settings.stateDir, 'daemon.sock')
  rmSync(path, { force: true }) // the lock says that whoever left it is gone
  undo.push(async () => {
    await app.close()
    rmSync(path, { force: true })
  })
  await app.listen({ path })
}

/** The same API at an address for browsers and other machines: a second server before the same handler. */
async function listenOnTcp(handle: RequestListener, tcp: { host: string; port: number }, undo: Undo): Promise<void> {
  const server = createServer(handle)
  try {
    server.listen(tcp.port, tcp.host)
    await once(server, 'listening')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new OrchestrateError('PORT_IN_USE', `port ${tcp.port} on ${tcp.host} is in use by another program`, { cause })
  }
  undo.push(() => {
    server.close()
    server.closeAllConnections()
  })
}

async function unwind(undo: Undo, log: Logger): Promise<void> {
  for (let step = undo.pop(); step; step = undo.pop()) {
    try {
      await step()
    } catch (error) {
      log.warn({ err: error }, 'stopping')
    }
  }
}
