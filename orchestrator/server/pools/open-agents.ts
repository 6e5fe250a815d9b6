import { AgentsEngine } from '../../engines/agents/agents-engine.ts'
import { OrchestrateError } from '../../errors.ts'
import { Capacity } from '../../ledger/capacity.ts'
import type { PoolOf } from '../../spec/pools/pool.ts'
import { parseDuration } from '../../spec/units.ts'
import { type OpenPool, refuseOnOneHost, wholeOnOneHost } from './open-pool.ts'
import type { Ground } from './open-pools.ts'

/** A network and a machine under load pause for that long now and then. */
const LEAST_S = 5

/** A pool of hosts that come and go, each with an agent. */
export async function openAgents(pool: PoolOf<'agents'>, ground: Ground): Promise<OpenPool> {
  const { settings, redis, attempts, hostsChanged, log } = ground
  const { name, silence } = pool
  if (settings.redisUrl === null)
    throw new OrchestrateError(
      'POOL_UNREACHABLE',
      `pool ${name} has its agents on other hosts, which can't reach the Redis that the daemon starts for itself`,
    )
  const engine = new AgentsEngine({
    pool: name,
    stateDir: settings.stateDir,
    redis,
    capacity: new Capacity(redis),
    silence: Math.max(LEAST_S, parseDuration(silence ?? '30s') ?? 0) * 1000,
    ...attempts,
    hostsChanged: () => hostsChanged(name),
    log,
  })
  await engine.start()
  engine.listen()
  const hosts = () => engine.hosts()
  return {
    pool,
    engine,
    capacity: name,
    need: wholeOnOneHost,
    // Hosts may be away for now: what one of them had before is not refused, and neither is anything before the first came.
    refuse: (resources) =>
      hosts().length === 0 && resources.nodes === 1
        ? []
        : refuseOnOneHost(
            name,
            hosts().map(({ facts }) => facts.capacity),
            resources,
          ),
    hosts: () =>
      new Map(
        hosts()
          .filter(({ state }) => state === 'live')
          .map(({ host, facts }) => [host, facts.capacity]),
      ),
    members: () =>
      hosts().map(({ host, state, heardAt, facts }) => ({ host, state, heardAt, capacity: facts.capacity })),
    counts: 'cores',
    close: () => engine.close(),
  }
}
