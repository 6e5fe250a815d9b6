import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OrchestrateError } from '../errors.ts'

/**
 * Holds the state directory's lock for as long as this process lives: a child keeps it, and ends with our end of its
 * standard input, whichever way we go. (Node has no flock of its own.)
 */
export async function lockStateDir(stateDir: string): Promise<() => void> {
  const path = join(stateDir, 'daemon.lock')
  const child = spawn(
    'flock',
    ['--nonblock', '--conflict-exit-code', '75', path, 'sh', '-c', 'echo locked; exec cat >/dev/null'],
    { stdio: ['pipe', 'pipe', 'ignore'], detached: true },
  )
  const locked = once(child.stdout, 'data').then(() => true)
  // `once` of an exit is rejected by whatever error comes first, and with that error as it is.
  const refused = once(child, 'exit').then(
    () => false,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT')
        throw new OrchestrateError('FLOCK_MISSING', 'there is no `flock`, which locks the state directory', { cause })
      throw new OrchestrateError('STATE_UNWRITABLE', `flock could not be run: ${cause.message}`, { cause })
    },
  )
  if (!(await Promise.race([locked, refused]))) {
    const owner = await readFile(join(stateDir, 'daemon.json'), 'utf8').catch(() => '')
    const pid = /"pid":\s*(\d+)/.exec(owner)?.[1]
    throw new OrchestrateError(
      'DAEMON_RUNNING',
      `a daemon${pid ? ` (pid ${pid})` : ''} already has the state directory ${stateDir}`,
    )
  }
  child.unref()
  ;(child.stdout as unknown as { unref(): void }).unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return () => void child.stdin.end()
}
