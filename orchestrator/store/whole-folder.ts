import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { limits } from '../limits.ts'
import { errno, onThisHost } from './file-error.ts'
import { syncFolder } from './local-file.ts'

const underWay = new Map<string, Promise<void>>()
const swept = new Set<string>()

/**
 * Fills a folder that is there whole or not at all, once, whoever asks at the same time: callers in this process share
 * the work, another process loses the final rename and uses what the first one made.
 */
export async function makeWhole(path: string, fill: (folder: string) => Promise<void>): Promise<string> {
  if (await exists(path)) return path
  let making = underWay.get(path)
  if (!making) {
    making = onThisHost(path, () => make(path, fill)).finally(() => underWay.delete(path))
    underWay.set(path, making)
  }
  await making
  return path
}

export const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

async function make(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const parent = dirname(path)
  const making = join(parent, `.making-${basename(path).slice(0, 16)}-${randomUUID()}`)
  await mkdir(making, { recursive: true })
  await sweep(parent)
  try {
    await fill(making)
    await syncFolder(making)
    await rename(making, path)
    await syncFolder(parent)
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    if (!['EEXIST', 'ENOTEMPTY'].includes(errno(error)) || !(await exists(path))) throw error
  }
}

/** Removes what crashes left half made, once per process and place. */
async function sweep(parent: string): Promise<void> {
  if (swept.has(parent)) return
  swept.add(parent)
  for (const name of await readdir(parent)) {
    if (!name.startsWith('.making-')) continue
    const path = join(parent, name)
    const found = await stat(path).catch(() => null)
    if (found && Date.now() - found.mtimeMs > limits.store.leftoverAge) await rm(path, { recursive: true, force: true })
  }
}
