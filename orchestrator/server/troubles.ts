import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import type { Trouble } from './api.ts'

/** What the whole control plane has trouble with at present. Not what one job has: that waits, and says so itself. */
export class Troubles {
  readonly #known = new Map<string, Trouble>()
  readonly #log: Logger
  readonly #changed: () => void

  constructor(log: Logger, changed: () => void) {
    this.#log = log
    this.#changed = changed
  }

  /** Says what is wrong with a part; since when is remembered until it is well again. */
  raise(part: 'redis' | 'store', error: unknown): void {
    const code = error instanceof OrchestrateError ? error.code : 'INTERNAL'
    const what = (error as Error).message
    const before = this.#known.get(part)
    if (before?.code === code) return
    this.#log.warn({ err: error, part }, 'trouble')
    this.#known.set(part, { what, code, since: before?.since ?? Date.now() })
    this.#changed()
  }

  /** True if there was trouble with it. */
  clear(part: 'redis' | 'store'): boolean {
    const before = this.#known.get(part)
    if (!before) return false
    this.#log.info({ part, seconds: (Date.now() - before.since) / 1000 }, 'well again')
    this.#known.delete(part)
    this.#changed()
    return true
  }

  list(): Trouble[] {
    return [...this.#known.values()]
  }
}
