import { type ChildProcess, spawn } from 'node:child_process'
import { open } from 'node:fs/promises'

/**
 * Whether a launcher or one of its ranks still lives: they hold the lock of the claim. Asked with util-linux' flock, for
 * Node can't, and /proc/locks hides in a container what was locked by a process that has ended.
 */
export async function isLocked(claim: string): Promise<boolean> {
  const code = await flock(claim, ['--shared', '--nonblock'])
  if (code > 1) throw new Error(`flock on ${claim} ended with ${code}`)
  return code === 1
}

/** Resolves when the lock is free, as soon as the kernel gives it. */
export async function untilUnlocked(claim: string, signal: AbortSignal): Promise<void> {
  const code = await flock(claim, ['--shared'], signal)
  if (code !== 0) throw new Error(`flock on ${claim} ended with ${code}`)
}

/** The file is opened here, never by flock itself, which would make it, and so claim the attempt. */
async function flock(path: string, options: string[], signal?: AbortSignal): Promise<number> {
  const file = await open(path, 'r')
  const child = spawn('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] })
  const ended = endOf(child, signal) // listens at once: it may be over before the file is closed
  ended.catch(() => {}) // nor is it unheard until then
  await Promise.allSettled([file.close()]) // the child has it now; else this process would hold what it asks about
  return ended
}

function endOf(child: ChildProcess, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      child.kill('SIGKILL')
      reject(signal?.reason)
    }
    child.once('error', reject)
    child.once('exit', (code) => {
      signal?.removeEventListener('abort', abort)
      resolve(code ?? 2)
    })
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}
