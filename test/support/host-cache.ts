import { readdir } from 'node:fs/promises'
import { HostCache, type HostCacheOptions } from '../../orchestrator/store/host-cache.ts'

/** A cache of a host with room for everything, of whose attempts nobody knows anything; or as it is said. */
export const cacheIn = (folder: string, options: Partial<HostCacheOptions> = {}): HostCache =>
  new HostCache({
    folder,
    most: Number.POSITIVE_INFINITY,
    standings: async () => new Map(),
    log: { info: () => {}, warn: () => {} },
    ...options,
  })

/** What anybody but the cache itself sees in its folder, left-overs too. */
export const entriesOf = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name !== '.notes').sort()
