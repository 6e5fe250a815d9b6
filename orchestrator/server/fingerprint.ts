import { createHash } from 'node:crypto'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import type { StoreAddress } from '../protocol/job-file.ts'
import type { DataSource } from '../spec/pipeline.ts'
import { isAddress } from '../spec/sections.ts'
import { concurrently } from '../store/concurrently.ts'
import { openStore } from '../store/open-store.ts'
import { ProblemsError } from './problems.ts'

/**
 * Digest of data from outside: relative paths and sizes, or the version that the file declares; never times or roots,
 * so that a copy elsewhere is the same data, and so is one in a store.
 */
export async function fingerprint(source: DataSource, folder: string, store: StoreAddress): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([source.format, source.version]))
  if (source.version !== null) return hash.digest('hex')
  const files = isAddress(source.path) ? await filesAt(source, store) : await filesIn(source, folder)
  for (const file of files.sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(JSON.stringify(file))
  return hash.digest('hex')
}

/** A file's path below the root, and its size. */
type Sized = [string, number]

async function filesAt(source: DataSource, store: StoreAddress): Promise<Sized[]> {
  const found: Sized[] = []
  try {
    const data = await openStore({ ...store, url: source.path })
    for await (const { key, size } of data.list('')) if (!key.endsWith('/')) found.push([key, size])
  } catch (error) {
    if (!(error instanceof OrchestrateError)) throw error
    throw problem(source, `can't be listed: ${error.message}`)
  }
  if (found.length === 0) throw problem(source, `nothing is there: ${source.path}`)
  return found
}

async function filesIn(source: DataSource, folder: string): Promise<Sized[]> {
  const root = resolve(folder, source.path)
  const info = await lstat(root).catch(() => null)
  if (!info) throw problem(source, `no such file or folder: ${source.path}`)
  const files = info.isDirectory()
    ? (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [root]
  return concurrently(files, async (file): Promise<Sized> => [relative(root, file), (await lstat(file)).size])
}

const problem = (source: DataSource, message: string) =>
  new ProblemsError([{ ...source.place, message: `data.${source.name}: ${message}` }])
