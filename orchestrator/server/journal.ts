import type { Logger } from 'pino'
import { faultPoint } from '../fault-point.ts'
import type { Ledger, Unmirrored } from '../ledger/ledger.ts'
import { limits } from '../limits.ts'
import { concurrently } from '../store/concurrently.ts'
import { appendSegment } from '../store/journal.ts'
import type { Store } from '../store/store.ts'

/** Events of an aggregate in one piece, the first of which is number `from` of it. */
type Piece = { from: number; events: object[] }

export type Around = {
  /** Throws when another control plane has the store: what it writes there is the truth from then on. */
  checkOwner: () => Promise<void>
  /** Told how the mirroring went: an error, or null when all is well. */
  went: (error: unknown) => void
}

/**
 * Mirrors to the store what the ledger has taken: once a second, and at once before something is acknowledged that must
 * not be lost with Redis. What the store doesn't have yet is kept here, so the journal and this together are every
 * event that the ledger has ever acknowledged, whatever becomes of Redis.
 */
export class Journal {
  readonly #ledger: Ledger
  readonly #store: Store
  readonly #log: Logger
  readonly #around: Around
  readonly #waiting = new Map<string, Piece>()
  /** In the store, and Redis hasn't been told: a successor would only write them once more. */
  readonly #unmarked = new Map<string, Unmirrored>()
  #running: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null

  constructor(ledger: Ledger, store: Store, log: Logger, around: Around) {
    this.#ledger = ledger
    this.#store = store
    this.#log = log
    this.#around = around
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.flush().catch((error: unknown) => this.#log.warn({ err: error }, 'journal not mirrored; trying again'))
    }, limits.daemon.mirror)
  }

  /** Takes events that the ledger has: to be mirrored with the next flush. What was kept before is not kept twice. */
  keep(aggregate: string, from: number, events: readonly object[]): void {
    const piece = this.#waiting.get(aggregate)
    if (!piece) {
      if (events.length > 0) this.#waiting.set(aggregate, { from, events: [...events] })
      return
    }
    const known = piece.from + piece.events.length - from
    if (known < 0) throw new Error(`events ${piece.from + piece.events.length} to ${from} of ${aggregate} are missing`)
    piece.events.push(...events.slice(known))
  }

  /** Takes over what an earlier control plane had appended to the ledger and not mirrored. */
  async inherit(): Promise<void> {
    for (const { aggregate, from, count } of await this.#ledger.unmirrored())
      this.keep(aggregate, from, await this.#ledger.read(aggregate, from, count))
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
    try {
      if (this.#waiting.size > 0) await this.#around.checkOwner()
      await concurrently([...this.#waiting], async ([aggregate, piece]) => {
        const { from } = piece
        const events = [...piece.events]
        await appendSegment(this.#store, aggregate, from, events)
        // What came meanwhile stays for the next time.
        piece.events.splice(0, events.length)
        piece.from += events.length
        if (piece.events.length === 0) this.#waiting.delete(aggregate)
        this.#unmarked.set(aggregate, { aggregate, from, count: events.length })
      })
    } catch (error) {
      this.#around.went(error)
      throw error
    }
    this.#around.went(null)
    await this.#mark()
  }

  /** Writing a segment twice is harmless, so a Redis that is away is told later. */
  async #mark(): Promise<void> {
    const done = [...this.#unmarked.values()]
    if (done.length === 0) return
    faultPoint('journal-written')
    try {
      await this.#ledger.markMirrored(done)
      faultPoint('journal-marked')
      for (const entry of done)
        if (this.#unmarked.get(entry.aggregate) === entry) this.#unmarked.delete(entry.aggregate)
    } catch (error) {
      this.#log.debug({ err: error }, 'Redis is told later what the store has')
    }
  }
}
