import type { Engine } from '../../engines/engine.ts'
import type { HostCapacity } from '../../ledger/capacity.ts'
import type { Resources } from '../../spec/pipeline.ts'
import type { Pool } from '../../spec/pools/pool.ts'
import type { HostView } from '../api.ts'

export type Need = { cores: number; gpus: number }

export type Member = Pick<HostView, 'host' | 'state' | 'heardAt'> & { capacity: HostCapacity }

/** A pool with the engine that runs its attempts, and what the control plane has to know to place them. */
export type OpenPool = {
  pool: Pool
  engine: Engine
  /** Name under which its capacity is counted: pools on one machine share it. */
  capacity: string
  /** What an attempt reserves of one of its hosts. */
  need: (resources: Resources) => Need
  /** What it can never give to a stage, a sentence each. */
  refuse: (resources: Resources) => string[]
  /** Its hosts by name, as they are now. */
  hosts: () => ReadonlyMap<string, HostCapacity>
  /** For pools whose hosts come and go: all that are known, gone or not. */
  members?: () => Member[]
  /** What the cores of its hosts mean: themselves, or jobs that a scheduler may have at once. */
  counts: 'cores' | 'jobs'
  close: () => unknown
}

/** Needs of an attempt that runs whole on one host. */
export const wholeOnOneHost = ({ cores, gpus }: Resources): Need => ({ cores, gpus })

/** What no host alone has, for pools that don't spread an attempt over several. */
export function refuseOnOneHost(name: string, hosts: Iterable<HostCapacity>, resources: Resources): string[] {
  const { nodes, cores, gpus } = resources
  const all = [...hosts]
  const mostCores = Math.max(0, ...all.map((host) => host.cores))
  const mostGpus = Math.max(0, ...all.map((host) => host.gpus.length))
  return [
    ...(nodes > 1 ? [`needs ${nodes} nodes; pool ${name} has one`] : []),
    ...(cores > mostCores ? [`needs ${cores} cores; pool ${name} has ${mostCores}`] : []),
    ...(gpus > mostGpus ? [`needs ${gpus} GPUs; pool ${name} has ${mostGpus}`] : []),
  ]
}
