import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { glob, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { OrchestrateError } from '../../errors.ts'
import { makeFolder } from '../../server/make-folder.ts'
import { checkout } from '../../server/settings.ts'

/** The file with a worker's pinned packages, and the SHA-256 of its content. */
export type Lock = { path: string; digest: string }

const Found = z.object({
  missing: z.record(z.string(), z.string()),
  /** Name -> wanted, found. */
  different: z.record(z.string(), z.tuple([z.string(), z.string()])),
})
type Found = z.infer<typeof Found>

/**
 * Whether the interpreter of workers has what a worker's lock names: told before anything is queued, not by a traceback of
 * each attempt. Throws when packages are missing; answers with a warning for each that has another version. What was found is
 * kept in the state directory for as long as neither side changes: looking again costs a few stats.
 */
export async function checkPython(python: string, lock: Lock, stateDir: string): Promise<string[]> {
  const stamp = await stampOf(python, lock, stateDir)
  const known = stamp === null ? null : await readStamp(stamp)
  const { missing, different } = known ?? (await compare(python, lock))
  const names = Object.keys(missing)
  if (names.length > 0) {
    const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
    throw new OrchestrateError(
      'PYTHON_INCOMPLETE',
      `${python} has no ${names.slice(0, 3).join(', ')}${more}, which ${basename(lock.path)} of the worker names`,
    )
  }
  if (stamp !== null && known === null) await keep(stamp, { missing, different })
  return Object.entries(different).map(
    ([name, [wanted, found]]) =>
      `warning: ${name} ${found} is installed, ${basename(lock.path)} says ${wanted}: results count as made with that; \`npm run setup\` installs it`,
  )
}

async function compare(python: string, lock: Lock): Promise<Found> {
  const script = join(checkout, 'infra/setup/check_versions.py')
  try {
    // Attempts don't get this shell's PYTHONPATH either.
    const { stdout } = await promisify(execFile)(python, ['-E', script, '--json', lock.path])
    return Found.parse(JSON.parse(stdout))
  } catch (cause) {
    const { code, stderr, message } = cause as Error & { code?: string | number; stderr?: string }
    const why =
      code === 'ENOENT' ? 'is not there' : `could not be run: ${stderr?.trimEnd().split('\n').at(-1) || message}`
    throw new OrchestrateError('PYTHON_MISSING', `${python} ${why}`, { cause })
  }
}

/** Where the finding for this interpreter, as it is now, is kept: installing or removing packages changes their folder. */
async function stampOf(python: string, { digest }: Lock, stateDir: string): Promise<string | null> {
  if (!python.includes('/')) return null // found by PATH, which is another one tomorrow
  const real = await realpath(python).catch(() => null)
  if (real === null) return null
  const packages = await Array.fromAsync(glob(join(dirname(dirname(python)), 'lib/python3*/site-packages')))
  const times = await Promise.all([real, ...packages].map(async (path) => `${path} ${(await stat(path)).mtimeMs}`))
  const facts = [python, digest, ...times].join('\n')
  return join(stateDir, 'python', `${createHash('sha256').update(facts).digest('hex').slice(0, 32)}.json`)
}

async function readStamp(path: string): Promise<Found | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    return Found.parse(JSON.parse(text))
  } catch {
    return null // half written, or of another build
  }
}

async function keep(path: string, found: Found): Promise<void> {
  try {
    makeFolder(dirname(path))
    await writeFile(path, JSON.stringify(found), { mode: 0o600 })
  } catch {
    // It is looked up again next time; that the state directory can't be written is told by who needs it.
  }
}
