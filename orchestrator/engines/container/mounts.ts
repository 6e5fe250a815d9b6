import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JobFile, StoreAddress } from '../../protocol/job-file.ts'

/** Where containers find the launcher, whatever checkout it comes from. */
export const LAUNCHER = '/run/orchestrate/launcher'
const launcher = fileURLToPath(new URL('../../../worker-images/launcher', import.meta.url))

export type Mount = { from: string; to: string; how: 'ro' | 'rw' }

/**
 * All of this machine that an attempt sees, at the same places as here, so that job.json means the same on both sides. Of
 * a store in a folder it can change nothing but what is under its own prefix.
 */
export function mountsFor(job: JobFile, directory: string): Mount[] {
  const inputs = Object.values(job.inputs).flatMap((input) => (input === null ? [] : [input]))
  const reads = [
    job.code,
    ...inputs.flatMap((input) => ('path' in input ? [input.path] : folderOf(input.store))),
    ...folderOf(job.store),
    ...job.gpus.map(gpuLock),
  ]
  const writes = [
    directory,
    ...folderOf(job.store).map((folder) => join(folder, job.prefix)),
    ...(job.cache ? [job.cache.path] : []),
    ...(job.metrics ? [job.metrics.folder] : []),
  ]
  return [
    { from: launcher, to: LAUNCHER, how: 'ro' },
    { from: scratchOf(directory), to: '/tmp', how: 'rw' },
    ...[...new Set(reads)].filter((path) => !writes.includes(path)).map(same('ro')),
    ...[...new Set(writes)].map(same('rw')),
  ]
}

/** On disk, unlike a tmpfs, which would count as memory. */
export const scratchOf = (directory: string): string => join(directory, 'scratch', 'tmp')

/** The file that launchers of all control planes on this machine lock (launcher/launch.py). */
export const gpuLock = (uuid: string): string => `/tmp/orchestrate-gpu-${uuid.replaceAll('/', '_')}.lock`

export const folderOf = ({ url }: StoreAddress): string[] => (url.startsWith('file:') ? [fileURLToPath(url)] : [])

const same =
  (how: Mount['how']) =>
  (path: string): Mount => ({ from: path, to: path, how })
