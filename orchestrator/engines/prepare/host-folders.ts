import { join } from 'node:path'
import { limits } from '../../limits.ts'
import { HostCache, type HostCacheOptions } from '../../store/host-cache.ts'

/** Where a host, or hosts that share a file system, keep what attempts need. Absolute paths, as those hosts see them. */
export type HostFolders = {
  /** Snapshots of code, by digest. */
  code: HostCache
  /** Staged outputs of other jobs, by digest. */
  cache: HostCache
  /** What is read of streamed inputs, for all attempts together, and bytes at most. */
  streams: { path: string; bytes: number }
  /** Curves of jobs. */
  metrics: string
  /** Interpreter for commands that begin with `python`. */
  python: string
}

export function hostFolders(
  folder: string,
  host: { python: string; streamCache: number; cache: number },
  { standings, log }: Pick<HostCacheOptions, 'standings' | 'log'>,
): HostFolders {
  return {
    code: new HostCache({ folder: join(folder, 'code'), most: limits.store.codeBytes, standings, log }),
    cache: new HostCache({ folder: join(folder, 'cache'), most: host.cache, standings, log }),
    streams: { path: join(folder, 'streams'), bytes: host.streamCache },
    metrics: join(folder, 'job-metrics'),
    python: host.python,
  }
}
