import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Store } from '../store/store.ts'

const KEPT = /^(job\.json|exit(\.\d+)?\.json|events\.\d+\.jsonl|std(out|err)\.\d+\.log|stacks\.\d+\.txt|launcher\.log)$/

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
  add(directory: string, prefix: string): void {
    this.#last = this.#last
      .then(() => this.#copy(directory, prefix))
      .catch((error: unknown) => this.#log.warn({ err: error, directory }, 'logs not archived'))
  }

  /** Resolves when all that was added is in the store, or was given up. */
  done(): Promise<void> {
    return this.#last
  }

  async #copy(directory: string, prefix: string): Promise<void> {
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if (KEPT.test(name) && (await stat(path)).size > 0) await this.#store.putLog(`${prefix}/${name}`, path)
    }
  }
}
