import { access, constants, mkdir, statfs } from 'node:fs/promises'
import { bytes } from '../view/figures.ts'
import { type Check, missing, ok } from './check.ts'

const enough = 5 * 1024 ** 3

/** The state directory: can be written, and has room for checkpoints. */
export async function diskChecks(stateDir: string): Promise<Check[]> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
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
