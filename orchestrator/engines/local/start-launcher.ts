import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'

const launcher = fileURLToPath(new URL('../../../worker-images/launcher/__main__.py', import.meta.url))

/**
 * Starts a launcher that outlives this process, and returns when it has claimed the attempt or found it claimed.
 * `exited` resolves when it ends; its ranks may live a little longer if it was killed.
 */
export async function startLauncher(
  python: string,
  directory: string,
  env: Record<string, string>,
): Promise<{ exited: Promise<void> }> {
  const log = await open(join(directory, 'launcher.log'), 'a')
  // -I and -S: neither the user's environment nor the worker's packages have a say, nor cost time.
  const child = spawn(python, ['-I', '-S', launcher, directory], {
    cwd: '/',
    env: { ...minimalEnvironment(), ...env },
    detached: true, // a session of its own: a terminal's Ctrl-C is not for it
    stdio: ['ignore', 'pipe', log.fd],
  })
  faultPoint('launcher-asked')
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const answered = new Promise<'claimed or taken' | number | string>((resolve, reject) => {
    child.stdout?.once('data', () => resolve('claimed or taken'))
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? String(signal)))
  })
  try {
    const answer = await answered
    if (answer !== 'claimed or taken') throw await launchFailed(directory, answer)
  } catch (error) {
    if (error instanceof OrchestrateError) throw error
    throw new OrchestrateError('PYTHON_MISSING', `can't start ${python}: ${error}`, { cause: error })
  } finally {
    await log.close()
    child.stdout?.destroy()
    child.unref()
  }
  return { exited }
}

/** A launcher that ended, with an exit code or by a signal, before it had claimed the attempt. */
export async function launchFailed(directory: string, end: number | string): Promise<OrchestrateError> {
  const said = (await readFile(join(directory, 'launcher.log'), 'utf8').catch(() => '')).trim().split('\n').at(-1)
  const code = /\[Errno (28|122)\]/.test(said ?? '') ? 'DISK_FULL' : 'LAUNCH_FAILED' // ENOSPC, EDQUOT
  return new OrchestrateError(code, `the launcher of ${directory} ended with ${end}: ${said}`)
}

/** What every program may expect to find, and nothing else that the daemon was started with. */
export function minimalEnvironment(): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', HOME = homedir(), LANG = 'C.UTF-8', TMPDIR } = process.env
  return { PATH, HOME, LANG, ...(TMPDIR === undefined ? {} : { TMPDIR }) }
}
