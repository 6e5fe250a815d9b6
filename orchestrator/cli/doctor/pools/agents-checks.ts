import type { Settings } from '../../../server/settings.ts'
import type { PoolOf } from '../../../spec/pools/pool.ts'
import { absent, type Check, missing, ok } from '../check.ts'

/** Agents talk to this control plane over Redis alone: it has to be one that other hosts reach. */
export async function agentsChecks(pools: PoolOf<'agents'>[], settings: Settings): Promise<Check[]> {
  const reach = reachOf(settings.redisUrl)
  if (pools.length === 0)
    return [absent('agents', reach.problem === null ? `no pool uses them; Redis is ${reach.at}` : 'no pool uses them')]
  return pools.map(({ name }) => {
    if (reach.problem !== null)
      return missing(`pool ${name}`, reach.problem, 'export REDIS_URL=rediss://:password@host:6379')
    return ok(`pool ${name}`, `agents find Redis at ${reach.at}`)
  })
}

const loopback = /^(localhost|127\.|\[?::1)/

function reachOf(url: string | null): { problem: string; at: null } | { problem: null; at: string } {
  if (url === null)
    return { problem: 'REDIS_URL is not set: the Redis that is started on demand is for this machine alone', at: null }
  const { protocol, hostname, host } = new URL(url)
  if (!hostname || loopback.test(hostname))
    return { problem: `REDIS_URL names ${hostname || 'a socket'}: other hosts can't reach that`, at: null }
  return { problem: null, at: `${protocol}//${host}` }
}
