import { join } from 'node:path'
import { limits } from '../../limits.ts'
import { HostCache, type HostCacheOptions } from '../../store/host-cache.ts'

export type HostCaches = {
  /** Snapshots of code, by digest. */
  code: HostCache
  /** Staged outputs of other jobs, by digest. */
  cache: HostCache
}

/** Where a host, or hosts that share a file system, keep what attempts need. Absolute paths, as those hosts see them. */
export type HostFolders = HostCaches & {
  /** What is read of streamed inputs, for all attempts together, and bytes at most. */
  streams: { path: string; bytes: number }
  /** Curves of jobs. */
  metrics: string
  /** Interpreter for commands that begin with `python`. */
  python: string
}

/** One of each for a folder, whatever engines use it. */
export function hostCaches(
  folder: string,
  { cache }: { cache: number },
  { standings, log }: Pick<HostCacheOptions, 'standings' | 'log'>,
): HostCaches {
  return {
    code: new HostCache({ folder: join(folder, 'code'), most: limits.store.codeBytes, standings, log }),
    cache: new HostCache({ folder: join(folder, 'cache'), most: cache, standings, log }),
  }
}

export function hostFolders(
  folder: string,
  host: { python: string; streamCache: number },
  caches: HostCaches,
): HostFolders {
  return {
    ...caches,
    streams: { path: join(folder, 'streams'), bytes: host.streamCache },
    metrics: join(folder, 'job-metrics'),
    python: host.python,
  }
}
