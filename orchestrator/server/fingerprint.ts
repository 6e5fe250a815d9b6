import { createHash } from 'node:crypto'
import { lstat, readdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { DataSource } from '../spec/pipeline.ts'
import { ProblemsError } from './problems.ts'

/**
 * Digest of data from outside: relative paths and sizes, or the version that the file declares; never times or roots,
 * so that a copy elsewhere is the same data.
 */
export async function fingerprint(source: DataSource, folder: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([source.format, source.version]))
  if (source.version !== null) return hash.digest('hex')
  const root = resolve(folder, source.path)
  const info = await lstat(root).catch(() => null)
  if (!info)
    throw new ProblemsError([
      { ...source.place, message: `data.${source.name}: no such file or folder: ${source.path}` },
    ])
  const files = info.isDirectory()
    ? (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : [root]
  for (const file of files.sort()) hash.update(JSON.stringify([relative(root, file), (await lstat(file)).size]))
  return hash.digest('hex')
}
