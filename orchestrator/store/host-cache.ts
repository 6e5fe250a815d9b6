import { randomUUID } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { mkdir, readdir, rm, rmdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import { bytesOf, type CacheEntry, notesOf } from './cache-entries.ts'
import { CacheIndex } from './cache-index.ts'
import { forgetUses, judgeUses, type Known, noteUse, type Standings, usesOf } from './cache-uses.ts'
import { errno, onThisHost } from './file-error.ts'
import { checkKey } from './key.ts'
import { exists, makeWhole } from './whole-folder.ts'

export type HostCacheOptions = {
  folder: string
  /** What its entries may have together, in bytes of files. */
  most: number
  standings: Standings
  log: Pick<Logger, 'info' | 'warn'>
}

/** How an entry is filled; `bytes`, where they are known before, are made room for first. */
export type Content = { bytes?: number; fill: (folder: string) => Promise<void> }

const going = '.going-'
/** Entries whose users are asked about together. */
const ASKED_AT_ONCE = 50

/**
 * Folders by name that attempts of this host use, each there whole or not at all. Together they are bounded: what was used
 * longest ago goes first, and what an attempt uses that isn't over stays. Who uses what is noted in files, before the
 * entry is looked for, so that it outlives this process. A cache belongs to one process at a time.
 */
export class HostCache {
  readonly folder: string
  readonly #options: HostCacheOptions
  readonly #index: CacheIndex
  /** Bytes of what is being brought. */
  readonly #coming = new Map<string, number>()
  #passes: Promise<unknown> = Promise.resolve()

  constructor(options: HostCacheOptions) {
    this.folder = options.folder
    this.#options = options
    this.#index = new CacheIndex(options.folder)
  }

  /** The folder of an entry, which is filled if it isn't there, and stays until the attempt is over. */
  async use(name: string, attempt: string, content: Content): Promise<string> {
    const path = join(this.folder, checkKey(name))
    await onThisHost(path, async () => noteUse(this.folder, name, attempt))
    if (await exists(path)) {
      const now = new Date()
      this.#index.used(name)
      await utimes(this.#size(name), now, now).catch(() => this.#measure(name, path))
      return path
    }
    this.#coming.set(name, content.bytes ?? 0)
    try {
      await this.#makeRoom(this.#options.most)
      return await this.#fill(name, path, content).catch(async (error: unknown) => {
        const full = error instanceof OrchestrateError && error.code === 'DISK_FULL'
        if (!full || (await this.#makeRoom(0)) === 0) throw error
        return this.#fill(name, path, content)
      })
    } finally {
      this.#coming.delete(name)
    }
  }

  /** The attempt, whose entries needn't be kept for it any more, is over. */
  async letGo(attempt: string): Promise<void> {
    for (const name of await readdir(notesOf(this.folder, '')).catch(() => []))
      await forgetUses(this.folder, name, [attempt])
  }

  #fill(name: string, path: string, { fill }: Content): Promise<string> {
    return makeWhole(path, async (folder) => {
      await fill(folder)
      await this.#measure(name, folder)
    })
  }

  #size(name: string): string {
    return join(notesOf(this.folder, name), 'bytes')
  }

  async #measure(name: string, folder: string): Promise<void> {
    await mkdir(notesOf(this.folder, name), { recursive: true })
    const bytes = await bytesOf(folder)
    await writeFile(this.#size(name), String(bytes))
    this.#index.add(name, bytes)
  }

  /** Returns the bytes that were removed. One pass at a time: each counts what is left by those before. */
  #makeRoom(most: number): Promise<number> {
    const pass = this.#passes
      .then(() => this.#pass(most))
      .catch((err: unknown) => {
        // No reason not to bring what is needed.
        this.#options.log.warn({ err, cache: this.folder }, 'no room could be made in the cache of this host')
        return 0
      })
    this.#passes = pass
    return pass
  }

  async #pass(most: number): Promise<number> {
    const { folder } = this
    const { log } = this.#options
    if (await this.#index.freshen()) await this.#tidy()
    let removed = 0
    const oldest = this.#index.byUse()
    const isOverfull = (): boolean => this.#index.total(this.#coming) > most
    while (isOverfull() && oldest.length > 0) {
      const some = oldest.splice(0, ASKED_AT_ONCE)
      const known = await this.#standings(some)
      for (const { name, bytes } of some) {
        if (!isOverfull()) break
        if (!(await this.#remove(name, known))) continue
        log.info({ cache: folder, name, bytes }, 'removed from the cache of this host')
        removed += bytes
      }
    }
    if (isOverfull() && most > 0)
      log.warn(
        { cache: folder, bytes: this.#index.total(this.#coming), most },
        'the cache of this host is larger than it may be: all is in use',
      )
    return removed
  }

  /** Clears up after crashes, and after attempts that are over. */
  async #tidy(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    for (const name of await readdir(this.folder))
      if (name.startsWith(going)) await rm(join(this.folder, name), { recursive: true, force: true })
    const entries = this.#index.byUse()
    while (entries.length > 0) {
      const some = entries.splice(0, ASKED_AT_ONCE)
      const known = await this.#standings(some)
      for (const { name } of some) await forgetUses(this.folder, name, judgeUses(this.folder, name, known).over)
    }
  }

  #standings(entries: CacheEntry[]): Promise<Known> {
    return this.#options.standings([...new Set(entries.flatMap(({ name }) => usesOf(this.folder, name)))])
  }

  /** False when it is in use, or gone already. */
  async #remove(name: string, known: Known): Promise<boolean> {
    const path = join(this.folder, name)
    const away = join(this.folder, `${going}${randomUUID()}`)
    // From here to the renaming in one go, so that nobody notes a use in between.
    const { over, inUse } = judgeUses(this.folder, name, known)
    const isThere = existsSync(path)
    if (!inUse) {
      this.#index.delete(name)
      rmSync(this.#size(name), { force: true })
      if (isThere) renameSync(path, away)
    }
    await forgetUses(this.folder, name, over)
    if (inUse) return false
    await rm(away, { recursive: true, force: true })
    await rmdir(notesOf(this.folder, name)).catch((error: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errno(error))) throw error // it is wanted again
    })
    return isThere
  }
}
