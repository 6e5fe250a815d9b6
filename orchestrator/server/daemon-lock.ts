import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'

/**
 * Holds the state directory's lock for as long as this process lives; DAEMON_RUNNING, with the owner's pid, when another
 * one has it.
 */
export async function lockStateDir(stateDir: string): Promise<() => void> {
  const unlock = await lock(stateDir, '--nonblock')
  if (unlock) return unlock
  const pid = await ownerPid(stateDir)
  throw new OrchestrateError(
    'DAEMON_RUNNING',
    `a daemon${pid ? ` (pid ${pid})` : ''} already has the state directory ${stateDir}`,
  )
}

/** The same, but waits for whoever has it, as long as it takes; the kernel tells when it is free. */
export async function awaitStateDir(stateDir: string, follows: (pid: number | null) => void): Promise<() => void> {
  const unlock = await lock(stateDir, '--nonblock')
  if (unlock) return unlock
  follows(await ownerPid(stateDir))
  const later = await lock(stateDir, '--exclusive')
  if (!later) throw new OrchestrateError('STATE_UNWRITABLE', `flock gave up on ${lockPath(stateDir)}`)
  return later
}

const lockPath = (stateDir: string): string => join(stateDir, 'daemon.lock')

/**
 * Node has no flock of its own: a shell keeps the lock, and ends with our end of its standard input, whichever way we go;
 * with it whoever still waits for the lock. It says how flock ended.
 */
const KEEPER = 'exec 9>>"$1"; (flock "$2" --conflict-exit-code 75 9; echo $?) & read _; kill 0'

/** Null when another process has it. */
async function lock(stateDir: string, how: '--nonblock' | '--exclusive'): Promise<(() => void) | null> {
  const path = lockPath(stateDir)
  const child = spawn('/bin/sh', ['-c', KEEPER, 'sh', path, how], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  const unlock = (): void => void child.stdin.end()
  // `once` of an exit is rejected by whatever error comes first, and with that error as it is.
  const failed = once(child, 'exit').then(
    () => 'ended',
    (cause: NodeJS.ErrnoException) => {
      throw new OrchestrateError('STATE_UNWRITABLE', `the lock could not be taken: ${cause.message}`, { cause })
    },
  )
  const said = once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line))
  const answer = await Promise.race([said, failed])
  if (answer !== '0') unlock()
  if (answer === '75') return null
  if (answer === '127')
    throw new OrchestrateError('FLOCK_MISSING', 'there is no `flock`, which locks the state directory')
  if (answer !== '0') throw new OrchestrateError('STATE_UNWRITABLE', `${path} can't be locked (${answer})`)
  await writeFile(path, `${process.pid}\n`)
  child.unref()
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as { unref(): void }).unref()
  return unlock
}

/** The process that wrote its pid into the lock; whoever took it just now is given a moment. */
async function ownerPid(stateDir: string): Promise<number | null> {
  const deadline = Date.now() + limits.control.ownerPid
  for (;;) {
    const pid = Number.parseInt(await readFile(lockPath(stateDir), 'utf8').catch(() => ''), 10)
    if (pid > 0 && isAlive(pid)) return pid
    if (Date.now() > deadline) return null
    await pause(20)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
