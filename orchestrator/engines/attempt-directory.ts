import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { AttemptExit } from '../protocol/exit-record.ts'
import type { JobFile } from '../protocol/job-file.ts'
import type { Launch } from './engine.ts'

/**
 * `claim`: made once, by a launcher that then holds it locked, or by a control plane that wants no launcher to come.
 * A pid counts only with the boot and the moment (in clock ticks) that it was given away.
 */
const Claim = z.union([
  z.strictObject({ revoked: z.literal(true) }),
  z.strictObject({ pid: z.int(), boot: z.string(), start: z.number() }),
])
export type LauncherClaim = { pid: number; boot: string; start: number }

export const claimPath = (directory: string) => join(directory, 'claim')

/** Returns null when nobody has claimed the attempt. */
export async function readClaim(directory: string): Promise<LauncherClaim | 'revoked' | null> {
  const text = await readIfThere(claimPath(directory))
  if (text === null) return null
  const claim = Claim.parse(JSON.parse(text))
  return 'revoked' in claim ? 'revoked' : claim
}

/** Claims the attempt for nobody. False when it was claimed before. */
export async function revokeClaim(directory: string): Promise<boolean> {
  return writable(directory, async () => {
    await mkdir(directory, { recursive: true })
    const temporary = `${claimPath(directory)}.${randomBytes(6).toString('hex')}`
    await writeFile(temporary, `${JSON.stringify({ revoked: true })}\n`, { flag: 'wx' })
    try {
      await link(temporary, claimPath(directory)) // appears whole, and fails if there is one
      await removeSecrets(directory)
      return true
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false
      throw error
    } finally {
      await unlink(temporary)
    }
  })
}

/** Returns null when the attempt has left no record, or none that can be understood. */
export async function readExit(directory: string): Promise<AttemptExit | null> {
  const text = await readIfThere(join(directory, 'exit.json'))
  try {
    return text === null ? null : (AttemptExit.safeParse(JSON.parse(text)).data ?? null)
  } catch {
    return null
  }
}

/** Writes all that a launcher needs. Secrets go to a file of their own, which it removes at the end. */
export async function writeJob(directory: string, job: JobFile, secrets: Launch['secrets']): Promise<void> {
  await writable(directory, async () => {
    await mkdir(directory, { recursive: true })
    const secretsPath = Object.keys(secrets).length > 0 ? join(directory, 'secrets.json') : null
    if (secretsPath) await writeWhole(secretsPath, secrets, 0o600)
    await writeWhole(join(directory, 'job.json'), { ...job, secrets: secretsPath }, 0o644)
  })
}

/** For an attempt that is over, or never begins, and whose launcher can't do it. */
export const removeSecrets = (directory: string) => rm(join(directory, 'secrets.json'), { force: true })

export async function writeWhole(path: string, value: unknown, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, `${JSON.stringify(value)}\n`, { mode, flag: 'wx' })
  await rename(temporary, path)
}

/** Returns null for a file that isn't there. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

export async function writable<T>(directory: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (hasCode(error, 'ENOSPC', 'EDQUOT'))
      throw new OrchestrateError('DISK_FULL', `no space left for ${directory}`, { cause: error })
    if (hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR'))
      throw new OrchestrateError('STATE_UNWRITABLE', `can't write to ${directory}: ${error.code}`, { cause: error })
    throw error
  }
}

export function hasCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
