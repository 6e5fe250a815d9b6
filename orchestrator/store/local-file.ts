import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, constants, copyFile, link, lstat, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import { errno, onThisHost } from './file-error.ts'
import type { Digest } from './store.ts'

const readOnly = 0o444

/** Writes a new read-only file that survives a power cut once this returns (its name does not yet: see syncFolder). */
export async function writeNew(path: string, body: Uint8Array | string, mode: number = readOnly): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(body)
    await file.datasync()
  } finally {
    await file.close()
  }
}

const syncs = new Map<string, { running: Promise<void>; next: Promise<void> | null }>()

/**
 * Makes the names in a folder survive a power cut. Whoever asks while it is being done waits for the next time, together
 * with all others who do: what they put there may have come too late for this one.
 */
export function syncFolder(path: string): Promise<void> {
  const under = syncs.get(path)
  if (!under) return start(path)
  const again = () => start(path)
  under.next ??= under.running.then(again, again)
  return under.next
}

function start(path: string): Promise<void> {
  const running = sync(path).finally(() => {
    if (syncs.get(path)?.next === null) syncs.delete(path)
  })
  syncs.set(path, { running, next: null })
  return running
}

/** A folder that went meanwhile held nothing of ours. */
async function sync(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    await folder.sync().finally(() => folder.close())
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
  }
}

/** Makes a folder and those above it, and says why where it can't. */
export async function makeFolder(path: string): Promise<void> {
  // Not Node's `recursive`: it answers ENOENT for a read-only file system, and never ends below /proc.
  const refused = await tryToMake(path)
  if (refused?.code !== 'ENOENT') {
    if (refused) throw refused
    return
  }
  if (!existsSync(dirname(path))) await makeFolder(dirname(path))
  const again = await tryToMake(path)
  // Its parent is there: a place like /proc, where nobody can make folders.
  if (again) throw again.code === 'ENOENT' ? Object.assign(again, { code: 'EROFS' }) : again
}

const tryToMake = (path: string): Promise<NodeJS.ErrnoException | null> =>
  mkdir(path).then(
    () => null,
    (error: NodeJS.ErrnoException) => (error.code === 'EEXIST' ? null : error),
  )

const hashedAtOnce = 1 << 20

/** Hashes a file piece by piece. Most are small, so the buffer is no larger than the file. */
export async function digestFile(path: string): Promise<Digest> {
  const file = await open(path, 'r')
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min((await file.stat()).size + 1, hashedAtOnce))
    let size = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return { size, sha256: hash.digest('hex') }
      hash.update(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
  } finally {
    await file.close()
  }
}

/**
 * A second name for a file, made read-only; a copy where that can't be: on another device, on a file system without
 * links, for somebody else's file, and for a symbolic link, whose target may be precious.
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  if ((await lstat(from)).isFile()) {
    try {
      await chmod(from, readOnly)
      return await link(from, to)
    } catch (error) {
      if (!['EXDEV', 'EPERM', 'EACCES', 'EROFS', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP'].includes(errno(error))) throw error
    }
  }
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  await chmod(to, readOnly)
  await syncFile(to)
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.datasync().finally(() => file.close())
}

/** Fills a file beside its final place, checks it, and moves it there: whole or not at all. */
export async function fillFile(
  path: string,
  what: string,
  sha256: string | null,
  fill: (part: string) => Promise<Digest | undefined>,
): Promise<void> {
  await onThisHost(path, async () => {
    await makeFolder(dirname(path))
    const part = `${path}.part-${randomUUID()}`
    try {
      const filled = await fill(part)
      if (sha256 !== null) {
        const found = (filled ?? (await digestFile(part))).sha256
        if (found !== sha256)
          throw new OrchestrateError('OBJECT_DAMAGED', `${what}: its SHA-256 is ${found}, expected ${sha256}`)
      }
      await chmod(part, readOnly)
      await rename(part, path)
    } finally {
      await rm(part, { force: true }) // also after success: renaming onto another name of the same file does nothing
    }
  })
}
