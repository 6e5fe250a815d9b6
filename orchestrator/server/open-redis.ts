import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { connectRedis, type RedisLink } from '../ledger/connect-redis.ts'
import { startRedis } from '../ledger/start-redis.ts'
import type { Settings } from './settings.ts'
import type { Undo } from './undo.ts'

export type OpenedRedis = {
  link: RedisLink
  /** Starts our own again where it has ended; null where Redis is somebody else's to start. */
  again: (() => Promise<void>) | null
}

/** The Redis that the settings name, or one of our own in the state directory. `store` is the identity of the store. */
export async function openRedis(
  settings: Settings,
  store: Promise<string>,
  log: Logger,
  undo: Undo,
): Promise<OpenedRedis> {
  let embedded = settings.redisUrl === null ? await startRedis(settings.stateDir) : null
  undo.push(() => embedded?.stop())
  const again = async (): Promise<void> => {
    embedded = await startRedis(settings.stateDir)
    log.warn({ pid: embedded.pid, adopted: embedded.adopted }, 'Redis had ended, and was started again')
  }
  const link = await connectRedis(
    embedded?.socket ?? settings.redisUrl ?? '',
    namespaceOf(settings, await store),
    (error) => log.warn({ err: error }, 'redis'),
  )
  for (const warning of link.warnings) log.warn(warning)
  undo.push(() => link.close())
  return { link, again: embedded ? again : null }
}

/**
 * One Redis may serve several stores: each has its own corner, named after what tells it from every other one, also from
 * a copy of it elsewhere. A store's control planes, one after the other, share it.
 */
export function namespaceOf({ store }: Pick<Settings, 'store'>, identity: string): string {
  const names = [identity, store.url.replace(/\/+$/, ''), store.endpoint ?? '']
  return createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 12)
}
