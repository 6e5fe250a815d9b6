import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store/store.ts'

const KEPT = /^(job\.json|exit(\.\d+)?\.json|events\.\d+\.jsonl|std(out|err)\.\d+\.log|launcher\.log)$/

/** Copies what an attempt said and how it ended to the store, where it outlives the host. */
export async function archiveLogs(store: Store, directory: string, prefix: string): Promise<void> {
  for (const name of await readdir(directory))
    if (KEPT.test(name)) await store.putFile(`${prefix}/${name}`, join(directory, name))
}
