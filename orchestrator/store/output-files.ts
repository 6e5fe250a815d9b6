import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import type { FileEntry } from '../protocol/manifest.ts'
import { errno } from './file-error.ts'
import { byBytes } from './key.ts'

/** Files under an output's folder, relative to it, in order. Links to files count as files; anything else is refused. */
export async function listOutput(folder: string, name: string): Promise<string[]> {
  const found: string[] = []
  const walk = async (under: string): Promise<void> => {
    for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
      const path = under === '' ? entry.name : `${under}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(join(folder, path))))) found.push(path)
      else throw new OrchestrateError('OUTPUT_INVALID', `output ${name}: ${path} is neither a file nor a folder`)
    }
  }
  try {
    await walk('')
  } catch (error) {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') throw error
    throw new OrchestrateError('OUTPUT_MISSING', `output ${name}: there is no folder outputs/${name}`, { cause: error })
  }
  return found.sort(byBytes)
}

const isFile = (path: string) =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  )

/** Names a set of files by what they hold and what they are called, wherever they lie. */
export function digestOutput(files: readonly FileEntry[]): string {
  const hash = createHash('sha256')
  for (const { path, size, sha256 } of [...files].sort((a, b) => byBytes(a.path, b.path)))
    hash.update(`${JSON.stringify([path, size, sha256])}\n`)
  return hash.digest('hex')
}
