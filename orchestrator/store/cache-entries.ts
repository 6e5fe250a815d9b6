import { lstat, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { concurrently } from './concurrently.ts'
import { errno } from './file-error.ts'

/** Where a host cache keeps who uses an entry (`by-<attempt>`), and its size (`bytes`), written when it was last used. */
export const notesOf = (folder: string, name: string): string => join(folder, '.notes', name)

export type CacheEntry = {
  name: string
  /** Of its files. Where they are links into a store on the same disk they take no room of their own. */
  bytes: number
  usedAt: number
}

/** What a host cache has, the one that was used longest ago first. Nothing where there is none. */
export async function cacheEntries(folder: string): Promise<CacheEntry[]> {
  const names = (await namesIn(folder)).filter((name) => !name.startsWith('.'))
  const entries = await concurrently(names, (name) => readEntry(folder, name))
  return entries.flat().sort((a, b) => a.usedAt - b.usedAt)
}

async function readEntry(folder: string, name: string): Promise<CacheEntry[]> {
  const size = join(notesOf(folder, name), 'bytes')
  try {
    const noted = await readFile(size, 'utf8').catch(() => null)
    const bytes = noted === null ? await bytesOf(join(folder, name)) : Number(noted)
    const { mtimeMs } = await stat(noted === null ? join(folder, name) : size)
    return [{ name, bytes, usedAt: mtimeMs }]
  } catch (error) {
    if (errno(error) === 'ENOENT') return [] // it went meanwhile
    throw error
  }
}

/** Bytes of the files below a folder. */
export async function bytesOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const sizes = await concurrently(files, async (file) => (await lstat(join(file.parentPath, file.name))).size)
  return sizes.reduce((total, size) => total + size, 0)
}

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return []
    throw error
  })
