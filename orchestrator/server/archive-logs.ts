import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Logger } from 'pino'
import type { Store } from '../store/store.ts'

const KEPT = /^(job\.json|exit(\.\d+)?\.json|events\.\d+\.jsonl|std(out|err)\.\d+\.log|stacks\.\d+\.txt|launcher\.log)$/

export type Archived = {
  /** Of the attempt. */
  directory: string
  /** Where all attempts of its job write their curves, each to files and folders that end with its fence. */
  metrics: string
  fence: number
  /** Where to, in the store. */
  prefix: string
}

/**
 * Copies what attempts said and how they ended to the store, where it outlives the host. It is for reading later: so one
 * file at a time, behind whatever else the store is asked for, and that it can't be kept is no reason to hold anything up.
 */
export class Archive {
  readonly #store: Store
  readonly #log: Logger
  #last: Promise<void> = Promise.resolve()

  constructor(store: Store, log: Logger) {
    this.#store = store
    this.#log = log
  }

  /** Returns at once. */
  add(attempt: Archived): void {
    this.#last = this.#last
      .then(() => this.#copy(attempt))
      .catch((error: unknown) => this.#log.warn({ err: error, directory: attempt.directory }, 'logs not archived'))
  }

  /** Resolves when all that was added is in the store, or was given up. */
  done(): Promise<void> {
    return this.#last
  }

  async #copy({ directory, metrics, fence, prefix }: Archived): Promise<void> {
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if (KEPT.test(name) && (await stat(path)).size > 0) await this.#store.putLog(`${prefix}/${name}`, path)
    }
    for (const name of await filesIn(metrics))
      if (name.split('/')[0]?.endsWith(`.${fence}`))
        await this.#store.putLog(`${prefix}/metrics/${name}`, join(metrics, name))
  }
}

/** Files with something in them, by their paths in the folder; none where it isn't there. */
async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size))
  return files.filter((_, index) => sizes[index] !== 0).map((path) => relative(folder, path))
}
