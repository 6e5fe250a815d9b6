import type { JobFile, StoreAddress } from '../../protocol/job-file.ts'
import type { Runtime } from './runtime.ts'
import type { ContainerSettings } from './settings.ts'

/** A store in a folder needs no network at all. One that does is reached by the runtime's own network, which knows no limits. */
export function networkOf(network: ContainerSettings['network'], store: StoreAddress): string[] {
  if (network === 'host') return ['--network=host']
  return network === 'none' || isFolder(store) ? ['--network=none'] : []
}

/** What the pool promises and this host can't keep, a sentence each: said, not pretended. */
export function unrestricted(
  settings: ContainerSettings,
  runtime: Runtime,
  { store, network = settings.network }: Pick<JobFile, 'store' | 'network'>,
): string[] {
  const { program, limits } = runtime
  return [
    ...(network === 'store' && !isFolder(store)
      ? [`attempts can reach more than the store: ${program} has no way to open a network to one address only`]
      : []),
    ...(network === 'host' ? ["attempts use this machine's own network, as was asked for"] : []),
    ...(limits.memory ? [] : [`${program} can't limit memory here: the launcher looks twice a second instead`]),
    ...(limits.pids ? [] : [`${program} can't limit the number of processes here`]),
    ...(limits.cpu ? [] : [`${program} can't limit cores here: attempts are told theirs, and may use more`]),
  ]
}

const isFolder = ({ url }: StoreAddress): boolean => url.startsWith('file:')
