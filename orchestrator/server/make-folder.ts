import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes a folder and those above it, for its owner only. Node's own `recursive` goes round for ever below /proc. */
export function makeFolder(path: string): void {
  const refused = tryToMake(path)
  if (refused?.code !== 'ENOENT') {
    if (refused) throw refused
    return
  }
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  const again = tryToMake(path)
  if (again) throw again
}

function tryToMake(path: string): NodeJS.ErrnoException | null {
  try {
    mkdirSync(path, { mode: 0o700 })
    return null
  } catch (error) {
    const refused = error as NodeJS.ErrnoException
    return refused.code === 'EEXIST' ? null : refused
  }
}
