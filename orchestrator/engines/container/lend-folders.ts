import { lchown, lstat, mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobFile } from '../../protocol/job-file.ts'
import { hasCode } from '../attempt-directory.ts'
import type { Identity } from './identity.ts'
import { gpuLock, mountsFor } from './mounts.ts'

/**
 * Makes what is mounted and may not be there yet, since a runtime would make it as root; and where the container's user
 * isn't the one of this process, gives it what it writes to, and the file of secrets.
 */
export async function lendFolders(job: JobFile, directory: string, { uid, gid, other }: Identity): Promise<void> {
  for (const gpu of job.gpus) await (await open(gpuLock(gpu), 'a', 0o644)).close()
  const writes = mountsFor(job, directory).flatMap(({ how, from }) => (how === 'rw' ? [from] : []))
  for (const folder of writes) await mkdir(folder, { recursive: true })
  if (!other) return
  await Promise.all(['.', 'secrets.json', 'scratch'].map((part) => giveOne(join(directory, part), uid, gid)))
  for (const folder of writes.filter((path) => path !== directory)) await giveAll(folder, uid, gid)
}

/** A folder that is theirs already is not gone through again: a cache has many files. */
async function giveAll(path: string, uid: number, gid: number): Promise<void> {
  const found = await lstat(path)
  if (found.uid === uid) return
  if (found.isDirectory()) for (const name of await readdir(path)) await giveAll(join(path, name), uid, gid)
  await giveOne(path, uid, gid)
}

/** What is gone by now was not for them. A link is never followed: it could lead to what is nobody's to give. */
async function giveOne(path: string, uid: number, gid: number): Promise<void> {
  try {
    await lchown(path, uid, gid)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}
