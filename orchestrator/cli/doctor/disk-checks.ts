import { access, constants, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { plural } from '../../report/figures.ts'
import { makeFolder } from '../../server/make-folder.ts'
import type { Settings } from '../../server/settings.ts'
import { cacheEntries } from '../../store/cache-entries.ts'
import { bytes } from '../view/figures.ts'
import { type Check, missing, ok } from './check.ts'

const enough = 5 * 1024 ** 3

/** The state directory: can be written, has room for checkpoints, and how much of it is staged inputs. */
export async function diskChecks({ stateDir, cache }: Settings): Promise<Check[]> {
  try {
    makeFolder(stateDir)
    await access(stateDir, constants.W_OK | constants.X_OK)
  } catch (error) {
    return [
      missing(
        'state directory',
        `${stateDir}: ${(error as Error).message}`,
        'export ORCHESTRATE_STATE=/a/folder/of/yours',
      ),
    ]
  }
  const { bavail, bsize } = await statfs(stateDir)
  const free = bavail * bsize
  const space =
    free >= enough
      ? ok('disk space', `${bytes(free)} free`)
      : missing(
          'disk space',
          `${bytes(free)} free; ${bytes(enough)} are needed`,
          `df -h '${stateDir}'   # free some, or set ORCHESTRATE_STATE`,
        )
  return [ok('state directory', stateDir), space, await cacheCheck(stateDir, cache)]
}

async function cacheCheck(stateDir: string, most: number): Promise<Check> {
  const entries = await cacheEntries(join(stateDir, 'cache'))
  const has = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const found = `${plural(entries.length, 'staged input')}, ${bytes(has)} of ${bytes(most)}`
  return ok('cache', has > most ? `${found}: more than it may have is in use, or was` : found)
}
