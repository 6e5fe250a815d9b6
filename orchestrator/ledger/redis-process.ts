import { readFile, readlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { limits } from '../limits.ts'

/**
 * What a Redis socket says.
 * - absent: nobody listens
 * - silent: somebody accepts, and doesn't answer in time; it may be busy, so it counts as there
 * - loading: it reads its append-only file
 */
export type Pong = 'absent' | 'silent' | 'loading' | 'ready'

export async function ping(socket: string): Promise<Pong> {
  const reply = await talk(socket, 'PING\r\n', limits.redis.ping)
  if (reply === null) return 'absent'
  if (reply === '') return 'silent'
  return reply.startsWith('-LOADING') ? 'loading' : 'ready'
}

/** Asks a Redis to write its file and end; resolves when it has let go of its socket and its process is gone. */
export async function shutDown(socket: string, pid: number | null): Promise<void> {
  await talk(socket, 'SHUTDOWN\r\n', limits.redis.stop)
  const deadline = Date.now() + limits.redis.stop
  while (Date.now() < deadline && ((await ping(socket)) !== 'absent' || (pid !== null && (await isAlive(pid)))))
    await pause(limits.redis.poll)
}

/** Whether a process is a Redis that works in `folder`: pids are reused, but its place and name tell. */
export async function isRedisOf(pid: number, folder: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false
  const [cwd, name] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
  ])
  return cwd === folder && name.startsWith('redis-server')
}

// A zombie still answers to signal 0, so the state is read; where there is no /proc, the signal has to do.
async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return stat === null || !/\) [ZX] /.test(stat)
}

/** Sends one line; the first line of the answer, '' if none came before the connection closed or time was up, null if nobody listens. */
async function talk(socket: string, line: string, timeout: number): Promise<string | null> {
  return new Promise((resolve) => {
    let reply = ''
    let connected = false
    const connection = connect(socket)
    connection.setTimeout(timeout, () => connection.destroy())
    connection.once('connect', () => {
      connected = true
      connection.write(line)
    })
    connection.on('data', (chunk) => {
      reply += chunk.toString('latin1')
      if (reply.includes('\n')) connection.destroy()
    })
    connection.on('error', () => {})
    connection.once('close', () => resolve(connected ? reply : null))
  })
}
