import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { connectRedis, type RedisLink } from '../ledger/connect-redis.ts'
import { startRedis } from '../ledger/start-redis.ts'
import type { Settings } from './settings.ts'
import type { Undo } from './undo.ts'

/** The Redis that the settings name, or one of our own in the state directory. */
export async function openRedis(settings: Settings, log: Logger, undo: Undo): Promise<RedisLink> {
  const embedded = settings.redisUrl === null ? await startRedis(settings.stateDir) : null
  undo.push(() => embedded?.stop())
  // One Redis may serve several control planes: each has its own corner.
  const namespace = createHash('sha256').update(settings.stateDir).update(settings.store.url).digest('hex').slice(0, 12)
  const link = await connectRedis(embedded?.socket ?? settings.redisUrl ?? '', namespace, (error) =>
    log.warn({ err: error }, 'redis'),
  )
  for (const warning of link.warnings) log.warn(warning)
  undo.push(() => link.close())
  return link
}
