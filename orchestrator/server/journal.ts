import type { Logger } from 'pino'
import { faultPoint } from '../fault-point.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { appendSegment } from '../store/journal.ts'
import type { Store } from '../store/store.ts'

/**
 * Mirrors what the ledger appended to the store: once a second, and at once before something is acknowledged that must
 * not be lost with Redis. Writing a segment twice is harmless, so the position is moved only afterwards.
 */
export class Journal {
  readonly #ledger: Ledger
  readonly #store: Store
  readonly #log: Logger
  #running: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(ledger: Ledger, store: Store, log: Logger) {
    this.#ledger = ledger
    this.#store = store
    this.#log = log
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.flush().catch((error: unknown) => this.#log.warn({ err: error }, 'journal not mirrored; trying again'))
    }, 1000)
  }

  /** Resolves when everything appended before the call is in the store. */
  flush(): Promise<void> {
    const next = this.#running.catch(() => {}).then(() => this.#mirror())
    this.#running = next
    return next
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    await this.flush().catch((error: unknown) => this.#log.warn({ err: error }, 'journal not mirrored'))
  }

  async #mirror(): Promise<void> {
    const pending = await this.#ledger.unmirrored()
    await Promise.all(
      pending.map(async ({ aggregate, from, count }) => {
        const events = await this.#ledger.read(aggregate, from)
        await appendSegment(this.#store, aggregate, from, events.slice(0, count))
      }),
    )
    if (pending.length > 0) faultPoint('journal-written')
    await this.#ledger.markMirrored(pending)
    if (pending.length > 0) faultPoint('journal-marked')
  }
}
