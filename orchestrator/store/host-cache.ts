import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, rm, rmdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import { bytesOf, cacheEntries, notesOf } from './cache-entries.ts'
import { errno, onThisHost } from './file-error.ts'
import { checkKey } from './key.ts'
import { exists, makeWhole } from './whole-folder.ts'

/**
 * How attempts stand: a `live` one runs, or may still start. Those that aren't named nobody knows: they count as live for
 * a day.
 */
export type Standings = (attempts: string[]) => Promise<ReadonlyMap<string, 'live' | 'over'>>

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

/**
 * Notes that somebody uses an entry, and returns the note. In one go: whoever is about to remove the entry sees it, or has
 * removed the entry before it is looked for.
 */
export function noteUse(folder: string, name: string, by: string): string {
  const notes = notesOf(folder, name)
  const note = join(notes, `by-${checkKey(by)}`)
  mkdirSync(notes, { recursive: true })
  writeFileSync(note, '')
  return note
}

/**
 * Folders by name that attempts of this host use, each there whole or not at all. Together they are bounded: what was used
 * longest ago goes first, and what an attempt uses that isn't over stays. Who uses what is noted in files, before the
 * entry is looked for, so that it outlives this process. A cache belongs to one process at a time.
 */
export class HostCache {
  readonly folder: string
  readonly #options: HostCacheOptions
  /** Bytes of what is being brought. */
  readonly #coming = new Map<string, number>()
  #passes: Promise<unknown> = Promise.resolve()

  constructor(options: HostCacheOptions) {
    this.folder = options.folder
    this.#options = options
  }

  /** The folder of an entry, which is filled if it isn't there, and stays until the attempt is over. */
  async use(name: string, attempt: string, content: Content): Promise<string> {
    const path = join(this.folder, checkKey(name))
    await onThisHost(path, async () => noteUse(this.folder, name, attempt))
    if (await exists(path)) {
      const now = new Date()
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
      await rm(join(notesOf(this.folder, name), `by-${checkKey(attempt)}`), { force: true })
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
    await writeFile(this.#size(name), String(await bytesOf(folder)))
  }

  #uses(name: string): string[] {
    const notes = notesOf(this.folder, name)
    if (!existsSync(notes)) return []
    return readdirSync(notes).flatMap((note) => (note.startsWith('by-') ? [note.slice(3)] : []))
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
    const { log, standings } = this.#options
    await mkdir(folder, { recursive: true })
    // What a crash left half removed.
    for (const name of await readdir(folder))
      if (name.startsWith(going)) await rm(join(folder, name), { recursive: true, force: true })
    const entries = await cacheEntries(folder)
    const sizes = new Map([...this.#coming, ...entries.map(({ name, bytes }) => [name, bytes] as const)])
    let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (total <= most) return 0
    const known = await standings([...new Set(entries.flatMap(({ name }) => this.#uses(name)))])
    let removed = 0
    for (const { name, bytes } of entries) {
      if (total <= most) break
      if (!(await this.#remove(name, known))) continue
      log.info({ cache: folder, name, bytes }, 'removed from the cache of this host')
      total -= bytes
      removed += bytes
    }
    if (total > most && most > 0)
      log.warn({ cache: folder, bytes: total, most }, 'the cache of this host is larger than it may be: all is in use')
    return removed
  }

  /** False when it is in use, or gone already. */
  async #remove(name: string, known: Awaited<ReturnType<Standings>>): Promise<boolean> {
    const path = join(this.folder, name)
    const notes = notesOf(this.folder, name)
    const away = join(this.folder, `${going}${randomUUID()}`)
    // In one go, so that nobody notes a use in between.
    if (!existsSync(path)) return false
    const uses = this.#uses(name)
    const over = uses.filter((attempt) => this.#isOver(join(notes, `by-${attempt}`), known.get(attempt)))
    const inUse = over.length < uses.length
    if (!inUse) {
      rmSync(this.#size(name), { force: true })
      renameSync(path, away)
    }
    for (const attempt of over) await rm(join(notes, `by-${attempt}`), { force: true })
    if (inUse) return false
    await rm(away, { recursive: true, force: true })
    await rmdir(notes).catch((error: unknown) => {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errno(error))) throw error // it is wanted again
    })
    return true
  }

  #isOver(note: string, standing: 'live' | 'over' | undefined): boolean {
    if (standing !== undefined) return standing === 'over'
    return Date.now() - statSync(note).mtimeMs > limits.store.leftoverAge
  }
}
