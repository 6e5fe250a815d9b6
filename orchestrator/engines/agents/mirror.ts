import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Chunk } from '../../ledger/agents/told.ts'
import { hasCode } from '../attempt-directory.ts'
import { isTold } from './is-told.ts'
import type { Sizes } from './messages.ts'

/** Which file of each name is the one that is here: written when that changes, so that another process knows too. */
const VERSIONS = '.versions.json'
/** A file that replaces another grows under this name until it is as long as it was there. */
const half = (path: string): string => `${path}.half`

type File = { version: string; size: number; half: boolean }

/**
 * Files of attempts that run elsewhere, as they arrive: `<folder>/<attempt>/` looks here as it does there. Bytes are
 * written where they belong, so telling them again changes nothing.
 */
export class Mirror {
  readonly #folder: string
  readonly #attempts = new Map<string, Promise<Map<string, File>>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  directory(attempt: string): string {
    return join(this.#folder, attempt)
  }

  /** `gap`: bytes before these are missing, and nothing was written. For one chunk of an attempt at a time. */
  async write(chunk: Chunk): Promise<'written' | 'gap'> {
    const { attempt, file, version, offset, size, data } = chunk
    if (!isTold(file)) return 'written' // no file of ours: not worth a question
    const files = await this.#files(attempt)
    const path = join(this.directory(attempt), file)
    let there = files.get(file)
    if (there?.version !== version) {
      if (offset > 0) return 'gap'
      there = { version, size: 0, half: there !== undefined }
      await this.#begin(attempt, path, there.half)
      files.set(file, there)
      await this.#keepVersions(attempt, files)
    }
    if (offset > there.size) return 'gap'
    const handle = await open(there.half ? half(path) : path, 'r+')
    try {
      await handle.write(data, 0, data.length, offset)
    } finally {
      await handle.close()
    }
    there.size = Math.max(there.size, offset + data.length)
    if (there.half && there.size >= size) {
      await rename(half(path), path)
      there.half = false
    }
    return 'written'
  }

  /** How much of each file is here. */
  async sizes(attempt: string): Promise<Sizes> {
    const files = await this.#files(attempt)
    return Object.fromEntries([...files].map(([name, { version, size }]) => [name, [version, size]]))
  }

  /** Puts a file of our own beside them, whole. */
  async put(attempt: string, name: string, text: string): Promise<void> {
    await mkdir(this.directory(attempt), { recursive: true })
    await writeWhole(join(this.directory(attempt), name), text)
  }

  /** Lets go of what is remembered of an attempt; its files stay. */
  release(attempt: string): void {
    this.#attempts.delete(attempt)
  }

  async #begin(attempt: string, path: string, replaces: boolean): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await mkdir(this.directory(attempt), { recursive: true })
    const handle = await open(replaces ? half(path) : path, 'w')
    await handle.close()
  }

  #files(attempt: string): Promise<Map<string, File>> {
    const known = this.#attempts.get(attempt)
    if (known) return known
    const found = this.#find(attempt).catch((error: unknown) => {
      this.#attempts.delete(attempt)
      throw error
    })
    this.#attempts.set(attempt, found)
    return found
  }

  async #find(attempt: string): Promise<Map<string, File>> {
    const directory = this.directory(attempt)
    const text = await readFile(join(directory, VERSIONS), 'utf8').catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return '{}'
      throw error
    })
    const versions = Object.entries(JSON.parse(text) as Record<string, string>)
    const files = versions.map(async ([name, version]): Promise<[string, File][]> => {
      const path = join(directory, name)
      const growing = await stat(half(path)).catch(() => null)
      const there = growing ?? (await stat(path).catch(() => null))
      return there ? [[name, { version, size: there.size, half: growing !== null }]] : []
    })
    return new Map((await Promise.all(files)).flat())
  }

  async #keepVersions(attempt: string, files: Map<string, File>): Promise<void> {
    const versions = Object.fromEntries([...files].map(([name, { version }]) => [name, version]))
    await writeWhole(join(this.directory(attempt), VERSIONS), JSON.stringify(versions))
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, text)
  await rename(temporary, path)
}
