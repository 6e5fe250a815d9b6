import { access, constants, statfs } from 'node:fs/promises'
import { makeFolder } from '../../server/make-folder.ts'
import { bytes } from '../view/figures.ts'
import { type Check, missing, ok } from './check.ts'

const enough = 5 * 1024 ** 3

/** The state directory: can be written, and has room for checkpoints. */
export async function diskChecks(stateDir: string): Promise<Check[]> {
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
  return [ok('state directory', stateDir), space]
}
