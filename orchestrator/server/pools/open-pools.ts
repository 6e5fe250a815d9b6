import type { Logger } from 'pino'
import { ContainerEngine } from '../../engines/container/container-engine.ts'
import { containerSettings } from '../../engines/container/settings.ts'
import type { HostCapacity } from '../../engines/host-capacity.ts'
import { LocalEngine } from '../../engines/local/local.ts'
import { type HostCaches, type HostFolders, hostCaches, hostFolders } from '../../engines/prepare/host-folders.ts'
import { type Prepare, prepare } from '../../engines/prepare/prepare.ts'
import { SlurmEngine, slurmFolder } from '../../engines/slurm/slurm.ts'
import { slurmPool } from '../../engines/slurm/slurm-pool.ts'
import type { RedisLink } from '../../ledger/connect-redis.ts'
import type { Pool, PoolOf } from '../../spec/pools/pool.ts'
import type { Standings } from '../../store/cache-uses.ts'
import type { Control } from '../../store/control.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../settings.ts'
import type { Attempts } from './attempts-of.ts'
import { openAgents } from './open-agents.ts'
import { type OpenPool, refuseOnOneHost, wholeOnOneHost } from './open-pool.ts'
import { Pools } from './pools.ts'

/** What engines are made from. */
export type Ground = {
  settings: Settings
  store: Store
  /** Of the store: fences, and so attempts, are its. */
  identity: string
  control: Control
  redis: RedisLink
  host: string
  hostCapacity: HostCapacity
  log: Logger
  /** Of this machine. */
  caches: HostCaches
  /** How attempts of any pool stand, for the caches of other hosts. */
  standings: Standings
  /** The hosts of a pool are others now, or have another capacity. */
  hostsChanged: (capacity: string) => Promise<void>
  attempts: Attempts
}

/** Makes the engine of each pool. Nothing that a pool's place may lack right now is an error before somebody uses it. */
export async function openPools(pools: readonly Pool[], ground: Ground): Promise<Pools> {
  return new Pools(await Promise.all(pools.map((pool) => open(pool, ground))), ground.settings.stateDir)
}

async function open(pool: Pool, ground: Ground): Promise<OpenPool> {
  switch (pool.engine) {
    case 'local':
      return openLocal(pool, ground)
    case 'container':
      return openContainer(pool, ground)
    case 'slurm':
      return openSlurm(pool, ground)
    case 'agents':
      return openAgents(pool, ground)
    default:
      return pool satisfies never
  }
}

function openLocal(pool: PoolOf<'local'>, ground: Ground): OpenPool {
  const { settings, log, host, hostCapacity } = ground
  const { stateDir, python } = settings
  const engine = new LocalEngine({
    stateDir,
    python,
    prepare: prepareIn(ground, hostFolders(stateDir, settings, ground.caches)),
    log,
  })
  engine.warmUp()
  return { ...thisMachine(pool, host, hostCapacity), engine, close: () => engine.close() }
}

/** Slurm does the placing: what is counted here is how many jobs it may be asked to hold at once. */
function openSlurm(pool: PoolOf<'slurm'>, ground: Ground): OpenPool {
  const { settings, identity, log } = ground
  const found = slurmPool(pool, settings)
  const folder = slurmFolder(found, identity)
  const folders = hostFolders(folder, { ...settings, python: found.python }, hostCaches(folder, settings, ground))
  const engine = new SlurmEngine({ pool: found, identity, prepare: prepareIn(ground, folders), log })
  const hosts = new Map([[pool.name, { cores: found.jobs, gpus: [] }]])
  return {
    pool,
    engine,
    capacity: pool.name,
    need: () => ({ cores: 1, gpus: 0 }),
    refuse: () => [],
    hosts: () => hosts,
    counts: 'jobs',
    close: () => engine.close(),
  }
}

function openContainer(pool: PoolOf<'container'>, ground: Ground): OpenPool {
  const { settings, log, host, hostCapacity } = ground
  const { stateDir } = settings
  const containing = containerSettings(pool)
  const folders = hostFolders(stateDir, { ...settings, python: containing.python }, ground.caches)
  const engine = new ContainerEngine({ stateDir, settings: containing, prepare: prepareIn(ground, folders), log })
  return { ...thisMachine(pool, host, hostCapacity), engine, close: () => engine.close() }
}

/** For pools whose attempts run on this machine: together they have what it has. */
export function thisMachine(pool: Pool, host: string, has: HostCapacity): Omit<OpenPool, 'engine' | 'close'> {
  const hosts = new Map([[host, has]])
  return {
    pool,
    capacity: 'local',
    need: wholeOnOneHost,
    refuse: (resources) => refuseOnOneHost(pool.name, hosts.values(), resources),
    hosts: () => hosts,
    counts: 'cores',
  }
}

/** Bringing may take long: afterwards somebody else may own the store. */
export function prepareIn({ store, control }: Ground, folders: HostFolders): Prepare {
  return async (order) => {
    const job = await prepare(store, folders, order)
    await control.awake()
    return job
  }
}
