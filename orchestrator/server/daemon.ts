import { rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { limits } from '../limits.ts'
import { guard } from './access/guard.ts'
import type { Health } from './api.ts'
import { buildId, version } from './build-id.ts'
import { report } from './conduct/conduct-run.ts'
import type { Context } from './conduct/context.ts'
import { findHangs } from './conduct/find-hangs.ts'
import { everything, look } from './conduct/look.ts'
import { letGoOfPins } from './conduct/reconcile.ts'
import { whatIsDue } from './conduct/what-is-due.ts'
import { lockStateDir } from './daemon-lock.ts'
import { collectRegularly } from './gc/regularly.ts'
import { whenIdle } from './idle.ts'
import { makeApi } from './listen.ts'
import { makeContext, type Parts } from './make-context.ts'
import { cacheRoutes } from './routes/cache.ts'
import { daemonRoutes } from './routes/daemon.ts'
import { answerErrors } from './routes/errors.ts'
import { jobRoutes } from './routes/jobs.ts'
import { runRoutes } from './routes/runs.ts'
import { storeRoutes } from './routes/store.ts'
import { makeStateDir, type Settings } from './settings.ts'
import { superviseRedis } from './supervise-redis.ts'
import { type Undo, unwind } from './undo.ts'
import { reportPath } from './views/run-view.ts'

export type Daemon = {
  health: () => Health
  stop: () => void
  /** Resolves when it has stopped. */
  stopped: Promise<void>
}

/**
 * Starts the one daemon of a state directory: takes its lock, Redis, the store and its control, looks at everything
 * that the ledger has, and only then answers. Attempts outlive it: stopping it ends no work.
 */
export async function startDaemon(settings: Settings, log: Logger, parts?: Parts): Promise<Daemon> {
  makeStateDir(settings.stateDir)
  return startLocked(settings, log, await lockStateDir(settings.stateDir), parts)
}

/** The same for one who has the lock already; it is given back with all the rest. */
export async function startLocked(settings: Settings, log: Logger, unlock: () => void, parts?: Parts): Promise<Daemon> {
  const undo: Undo = [unlock]
  const stopped = Promise.withResolvers<void>()
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    void unwind(undo, log).then(stopped.resolve)
  }
  try {
    const { context, again } = await makeContext(settings, log, stop, undo, parts)
    await conduct(context)
    superviseRedis(context, again, undo)
    sweep(context, undo)
    undo.push(findHangs(context))
    collectRegularly(context, undo)
    const health = await serve(context, stop, undo)
    return { health, stop, stopped: stopped.promise }
  } catch (error) {
    await unwind(undo, log)
    throw error
  }
}

/** Finds out how things are, and has everything looked at from then on. */
async function conduct(context: Context): Promise<void> {
  const { commands, aggregates, journal, recovery } = context
  await recovery.start()
  await letGoOfPins(context)
  await commands.clear()
  await commands.work((aggregate) => look(context, aggregate), {
    concurrency: limits.queue.looks,
    askAgain: () => commands.sendAll(everything(context)),
  })
  journal.start()
  await commands.sendAll(everything(context))
  // A control plane that ended in the same moment as a run may have left it without its report.
  for (const run of aggregates.runs.values())
    if (run.state !== 'running' && reportPath(context, run) === null) report(context, run.submitted.run)
}

/** What has something to do is looked at again now and then: whatever message was lost, the look is not. */
function sweep(context: Context, undo: Undo): void {
  const { commands, changes } = context
  const once = async (): Promise<void> => {
    const { aggregates, capacities } = whatIsDue(context)
    await commands.sendAll(capacities).catch((error: unknown) => context.log.warn({ err: error }, 'looks not sent'))
    await commands.sweep(aggregates, (aggregate) => look(context, aggregate))
    changes.tell()
  }
  let sweeping: Promise<void> | null = null
  const timer = setInterval(() => {
    sweeping ??= once().finally(() => {
      sweeping = null
    })
  }, limits.daemon.sweep)
  undo.push(async () => {
    clearInterval(timer)
    await sweeping
  })
}

/** Answers over HTTP, and says in `daemon.json` who and where it is. */
async function serve(context: Context, stop: () => void, undo: Undo): Promise<() => Health> {
  const { settings, aggregates } = context
  const { tcp, stateDir } = settings
  const startedAt = Date.now()
  const health = (): Health => ({
    version,
    build: buildId(),
    pid: process.pid,
    state: stateDir,
    store: context.store.url,
    redis: context.redis.shown,
    address: tcp ? `${tcp.tls ? 'https' : 'http'}://${tcp.host}:${tcp.port}` : null,
    startedAt,
    runs: aggregates.runs.size,
    troubles: context.troubles.list(),
  })
  const { app, isLocal, listen } = makeApi(context.log)
  const idle = whenIdle(settings.idleMs, () => [...aggregates.runs.values()].every((run) => run.state !== 'running'))
  answerErrors(app)
  app.addHook('onRequest', async () => idle.touch())
  guard(app, context, isLocal)
  runRoutes(app, context)
  jobRoutes(app, context)
  storeRoutes(app, context)
  cacheRoutes(app, context)
  daemonRoutes(app, context, health, stop)
  await listen(settings, undo)
  idle.start(stop)
  undo.push(() => idle.stop())
  await writeFile(join(stateDir, 'daemon.json.new'), `${JSON.stringify({ ...health(), host: hostname() })}\n`)
  await rename(join(stateDir, 'daemon.json.new'), join(stateDir, 'daemon.json'))
  return health
}
