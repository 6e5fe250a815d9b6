import { type AgentHost, AgentHosts } from '../../../ledger/agents/agent-hosts.ts'
import { connectRedis } from '../../../ledger/connect-redis.ts'
import { plural } from '../../../report/figures.ts'
import { namespaceOf } from '../../../server/open-redis.ts'
import type { Settings } from '../../../server/settings.ts'
import type { PoolOf } from '../../../spec/pools/pool.ts'
import { knownIdentity } from '../../../store/identity.ts'
import { openStore } from '../../../store/open-store.ts'
import { absent, type Check, missing, ok } from '../check.ts'

/** Agents talk to this control plane over Redis alone: it has to be one that other hosts reach. Then: who has joined. */
export async function agentsChecks(pools: PoolOf<'agents'>[], settings: Settings): Promise<Check[]> {
  const { redisUrl } = settings
  if (pools.length === 0) return [absent('agents', 'no pool uses them')]
  const checks = pools.map(({ name }) => {
    const title = `pool ${name}`
    const problem = unreachable(redisUrl)
    if (redisUrl === null || problem !== null)
      return missing(title, problem ?? '', 'export REDIS_URL=rediss://:password@host:6379')
    return hostsCheck(name, redisUrl, settings)
  })
  return Promise.all(checks)
}

function unreachable(url: string | null): string | null {
  if (url === null) return 'REDIS_URL is not set: the Redis that is started on demand is for this machine alone'
  const { hostname } = new URL(url)
  if (hostname && !/^(localhost$|127\.|\[::1\])/.test(hostname)) return null
  return `REDIS_URL names ${hostname || 'a socket'}: other hosts can't reach that`
}

/** Who has joined a pool. */
export async function hostsCheck(pool: string, redisUrl: string, settings: Settings): Promise<Check> {
  const title = `pool ${pool}`
  const line = `orchestrate agent --pool ${pool}   # on each host, with this REDIS_URL and ORCHESTRATE_STORE`
  try {
    const hosts = await hostsOf(pool, redisUrl, settings)
    if (hosts.some(({ state }) => state === 'live')) return ok(title, hosts.map(show).join(', '))
    return absent(title, hosts.length === 0 ? 'no host has joined yet' : hosts.map(show).join(', '), line)
  } catch (error) {
    return missing(title, (error as Error).message, 'orchestrate doctor   # again, once Redis and store are well')
  }
}

/** None, too, where no control plane has used the store yet. */
async function hostsOf(pool: string, redisUrl: string, settings: Settings): Promise<AgentHost[]> {
  const identity = await knownIdentity(await openStore(settings.store))
  if (identity === null) return []
  const link = await connectRedis(redisUrl, namespaceOf(settings, identity))
  try {
    return await new AgentHosts(link, pool).list()
  } finally {
    await link.close()
  }
}

const show = ({ host, state, facts: { capacity } }: AgentHost): string =>
  `${host} is ${state} (${plural(capacity.cores, 'core')}, ${plural(capacity.gpus.length, 'GPU')})`
