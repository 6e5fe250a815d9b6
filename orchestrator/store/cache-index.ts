import { limits } from '../limits.ts'
import { type CacheEntry, cacheEntries } from './cache-entries.ts'

/** What a host cache has, known by heart: its folder is read now and then only, as it may have very many entries. */
export class CacheIndex {
  readonly #folder: string
  readonly #entries = new Map<string, CacheEntry>()
  #readAt = Number.NEGATIVE_INFINITY

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Reads the folder, if that is long ago. True if it did. */
  async freshen(): Promise<boolean> {
    if (Date.now() - this.#readAt < limits.store.cacheReread) return false
    const before = [...this.#entries.keys()]
    const found = await cacheEntries(this.#folder)
    for (const name of before) this.#entries.delete(name)
    for (const entry of found) this.#entries.set(entry.name, entry)
    this.#readAt = Date.now()
    return true
  }

  add(name: string, bytes: number): void {
    this.#entries.set(name, { name, bytes, usedAt: Date.now() })
  }

  used(name: string): void {
    const entry = this.#entries.get(name)
    if (entry) entry.usedAt = Date.now()
  }

  delete(name: string): void {
    this.#entries.delete(name)
  }

  /** Bytes of all entries, and of those that are being brought, by name. */
  total(coming: ReadonlyMap<string, number>): number {
    let total = 0
    for (const { bytes } of this.#entries.values()) total += bytes
    for (const [name, bytes] of coming) if (!this.#entries.has(name)) total += bytes
    return total
  }

  /** The one that was used longest ago first. */
  byUse(): CacheEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.usedAt - b.usedAt)
  }
}
