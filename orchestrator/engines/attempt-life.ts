import { watch } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { claimPath, hasCode, type LauncherClaim, readClaim, readExit, revokeClaim } from './attempt-directory.ts'
import { isLocked, untilUnlocked } from './claim-lock.ts'
import type { Observation } from './engine.ts'

/**
 * What claim, lock and exit record say of an attempt that runs on this machine. `isRunning` may save asking the lock, where
 * the claim's process can be seen from here.
 */
export async function lookAt(
  directory: string,
  isRunning: (claim: LauncherClaim) => boolean = () => false,
): Promise<Observation> {
  const claim = await readClaim(directory)
  if (claim === null) return { state: 'unclaimed' }
  if (claim === 'revoked') return { state: 'revoked' }
  const exit = await readExit(directory)
  if (exit) return { state: 'exited', exit, end: null }
  if (isRunning(claim) || (await isLocked(claimPath(directory)))) return { state: 'running' }
  return { state: 'exited', exit: await readExit(directory), end: null } // it may have been written just now
}

/** Takes the claim of an attempt unless a launcher has it. */
export async function revokeAttempt(
  directory: string,
  look: () => Promise<Observation>,
): Promise<'revoked' | 'running' | 'exited'> {
  if (await revokeClaim(directory)) return 'revoked'
  const { state } = await look()
  return state === 'revoked' || state === 'exited' ? state : 'running'
}

/** Returns when there is a claim, or no directory any more. */
export async function untilClaimed(directory: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (await readClaim(directory)) return
  await mkdir(directory, { recursive: true })
  const watcher = watch(directory, { persistent: false })
  try {
    await unlessAborted(
      new Promise<void>((resolve, reject) => {
        const look = () => readClaim(directory).then((claim) => claim && resolve(), reject)
        watcher.on('change', () => access(directory).then(look, () => resolve()))
        watcher.once('error', reject)
        void look() // it may have come before the watcher
      }),
      signal,
    )
  } finally {
    watcher.close()
  }
}

/** Returns when the lock of the claim is free, or its directory gone. */
export async function untilFree(directory: string, signal: AbortSignal): Promise<void> {
  try {
    await untilUnlocked(claimPath(directory), signal)
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}

export async function unlessAborted(promise: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!promise) return
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
