import { join } from 'node:path'
import type { Artifact } from '../protocol/manifest.ts'
import { concurrently } from './concurrently.ts'
import type { HostCache } from './host-cache.ts'
import { checkKey } from './key.ts'
import type { Store } from './store.ts'

type Output = Pick<Artifact['outputs'][string], 'digest' | 'files'>

/** Brings an artifact's output to this host, once, each file verified and read-only; returns its folder, named by its digest. */
export async function stageOutput(store: Store, output: Output, cache: HostCache, attempt: string): Promise<string> {
  return cache.use(output.digest, attempt, {
    bytes: output.files.reduce((sum, { size }) => sum + size, 0),
    fill: async (folder) => {
      await concurrently(output.files, ({ key, path, sha256 }) =>
        store.getFile(key, join(folder, checkKey(path)), sha256),
      )
    },
  })
}
