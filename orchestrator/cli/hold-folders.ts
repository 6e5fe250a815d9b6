import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { foldersOf, type JobFile } from '../protocol/job-file.ts'
import { noteUse } from '../store/cache-uses.ts'

/** Keeps the code and the staged inputs of an attempt on this host while a command works with them. */
export async function holdingFolders<T>(state: string, job: JobFile, work: () => Promise<T>): Promise<T> {
  const ours = [join(state, 'code'), join(state, 'cache')]
  const paths = foldersOf(job).filter((path) => ours.includes(dirname(path)))
  const by = `command-${randomUUID()}`
  const notes = paths.map((path) => noteUse(dirname(path), basename(path), by))
  try {
    return await work()
  } finally {
    for (const note of notes) await rm(note, { force: true })
  }
}
