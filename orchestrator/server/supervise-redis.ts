import { setTimeout as pause } from 'node:timers/promises'
import { OrchestrateError } from '../errors.ts'
import { asRedisError } from '../ledger/redis-errors.ts'
import { limits } from '../limits.ts'
import type { Context } from './conduct/context.ts'
import { everything } from './conduct/look.ts'
import type { Undo } from './undo.ts'

/**
 * Sees to Redis while the daemon lives. Our own is started again as soon as the connection to it ends; whichever it is,
 * what it has is compared before it is used again; one that is silent or takes no writes is found by writing to it now
 * and then, and said with the moment since when. All that waited is looked at as soon as it is well.
 */
export function superviseRedis(context: Context, again: (() => Promise<void>) | null, undo: Undo): void {
  const { redis, aggregates, troubles, recovery, commands, log } = context
  const stop = new AbortController()
  const ends: number[] = []
  let restarting: Promise<void> | null = null
  let beating: Promise<void> | null = null

  const beat = async (): Promise<void> => {
    try {
      await answered(redis.redis.set(redis.keys.probe, '1', 'PX', limits.redis.heartbeat), redis.shown)
      if ((await redis.runId()) !== redis.compared) await recovery.again()
      await aggregates.freshenAll()
      if (!troubles.clear('redis')) return
      await commands.sendAll(everything(context))
    } catch (error) {
      // Why it can't be started says more than that it isn't there.
      if (!stop.signal.aborted && !restarting) troubles.raise('redis', asRedisError(error, redis.shown))
    }
  }
  const look = (): void => {
    beating ??= beat().finally(() => {
      beating = null
    })
  }
  const restart = async (start: () => Promise<void>): Promise<void> => {
    while (!stop.signal.aborted && redis.redis.status !== 'ready') {
      const recent = ends.filter((at) => Date.now() - at < limits.redis.forgiven).length
      ends.splice(0, ends.length - recent)
      const wait =
        recent === 0 ? 0 : Math.min(limits.redis.restartLongest, limits.redis.restartFirst * 2 ** (recent - 1))
      await pause(wait, undefined, { signal: stop.signal })
      ends.push(Date.now())
      try {
        await start()
        // Its next try may be a second away.
        if (redis.redis.status === 'reconnecting') await redis.redis.connect().catch(() => {})
        return
      } catch (error) {
        troubles.raise('redis', error)
        log.error({ err: error }, 'Redis could not be started again; trying on')
      }
    }
  }
  const onClose = (): void => {
    if (stop.signal.aborted) return
    troubles.raise('redis', new OrchestrateError('REDIS_UNREACHABLE', `Redis at ${redis.shown} has gone away`))
    if (again)
      restarting ??= restart(again)
        .catch(() => {}) // only by our own end
        .finally(() => {
          restarting = null
        })
  }
  redis.redis.on('close', onClose)
  redis.redis.on('ready', look)
  const timer = setInterval(look, limits.redis.heartbeat)
  undo.push(async () => {
    stop.abort()
    clearInterval(timer)
    redis.redis.off('close', onClose)
    redis.redis.off('ready', look)
    await restarting
    await beating
  })
}

/** A command is tried again over reconnects for long; this says much sooner that nobody answers. */
async function answered(reply: Promise<unknown>, address: string): Promise<void> {
  const over = new AbortController()
  const silent = pause(limits.redis.silence, undefined, { signal: over.signal }).then(() => {
    throw new OrchestrateError('REDIS_UNREACHABLE', `Redis at ${address} does not answer`)
  })
  try {
    await Promise.race([reply, silent])
  } finally {
    over.abort()
    silent.catch(() => {})
  }
}
