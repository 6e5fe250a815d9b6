import { OrchestrateError } from '../../errors.ts'
import { connectRedis } from '../../ledger/connect-redis.ts'
import { findRedisServer } from '../../ledger/find-redis-server.ts'
import type { Settings } from '../../server/settings.ts'
import { openStore } from '../../store/open-store.ts'
import { aptInstall, type Check, missing, ok } from './check.ts'

/** Redis: the one that REDIS_URL names, fit to use; else one that the daemon can start. */
export async function redisCheck({ redisUrl }: Settings): Promise<Check> {
  if (redisUrl === null) {
    return coded('Redis', aptInstall('redis-server'), async () => {
      const { binary, version } = await findRedisServer()
      return `${version} (${binary}), started on demand`
    })
  }
  return coded('Redis', 'export REDIS_URL=redis://host:6379', async () => {
    const link = await connectRedis(redisUrl, 'orchestrate:doctor')
    await link.close()
    return [`${link.version} at ${link.shown}`, ...link.warnings].join('; ')
  })
}

/** The store: written to, and asked to refuse a second conditional create. */
export function storeCheck({ store }: Settings): Promise<Check> {
  return coded('store', 'export ORCHESTRATE_STORE=file:///folder or s3://bucket/prefix', async () => {
    await (await openStore(store)).probe()
    return store.url
  })
}

async function coded(name: string, fix: string, look: () => Promise<string>): Promise<Check> {
  try {
    return ok(name, await look())
  } catch (error) {
    if (error instanceof OrchestrateError) return missing(name, `${error.message} (${error.code}); ${error.hint}`, fix)
    return missing(name, error instanceof Error ? error.message : String(error), fix)
  }
}
