import { spawn } from 'node:child_process'
import { access, chmod, mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ErrorCode, OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import { defaultSearch, findRedisServer, major, type RedisServer, type Search } from './find-redis-server.ts'
import { isRedisOf, ping, shutDown } from './redis-process.ts'
import { socketPath } from './socket-path.ts'

export type EmbeddedRedis = {
  /** Path of its socket: an address for `connectRedis`. */
  socket: string
  pid: number | null
  /** It was running already: an earlier daemon's, which died or left it. */
  adopted: boolean
  /** Ends it and waits until its file is written. Data stay in the state directory. */
  stop(): Promise<void>
}

/**
 * The Redis of a state directory: the one that runs there, or a new one on its data. It belongs to no process, so that
 * a killed daemon's successor finds it, and nothing has to be loaded again. Only a private socket, no port. The caller
 * holds the state directory's lock: two at once would start two on one file.
 */
export async function startRedis(stateDir: string, search: Search = defaultSearch()): Promise<EmbeddedRedis> {
  const folder = await makeFolder(join(stateDir, 'redis'))
  const socket = socketPath(stateDir, 'redis/redis.sock')
  // One that was killed this moment may still accept a connection; it ends without an answer.
  const found = await settled(socket, folder, () => false)
  if (found === 'ready') return handle(socket, await readPid(folder), true)
  await endSocketless(folder)
  const server = await findRedisServer(search)
  await refuseOlder(server, folder)
  await launch(server, socket, folder)
  return handle(socket, await readPid(folder), false)
}

function handle(socket: string, pid: number | null, adopted: boolean): EmbeddedRedis {
  return { socket, pid, adopted, stop: () => shutDown(socket, pid) }
}

async function launch(server: RedisServer, socket: string, folder: string): Promise<void> {
  await rm(join(folder, 'redis.log'), { force: true }) // so that a failure's last words are this start's
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    daemonize: 'no',
    pidfile: join(folder, 'redis.pid'),
    logfile: join(folder, 'redis.log'),
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const child = spawn(server.binary, args, { cwd: folder, detached: true, stdio: 'ignore', env: {} })
  let lives = true
  const over = (): void => {
    lives = false
  }
  child.once('exit', over)
  child.once('error', over)
  child.unref()
  if ((await settled(socket, folder, () => lives)) === 'absent')
    throw new OrchestrateError('REDIS_FAILED', `Redis ended at its start: ${await lastWords(folder)}`)
}

/** Waits until a Redis answers, or is `absent` and no longer expected. */
async function settled(socket: string, folder: string, isExpected: () => boolean): Promise<'ready' | 'absent'> {
  const deadline = Date.now() + limits.redis.start
  for (;;) {
    const wasExpected = isExpected()
    const pong = await ping(socket)
    if (pong === 'ready' || (pong === 'absent' && !wasExpected)) return pong
    if (Date.now() > deadline) {
      throw new OrchestrateError(
        'REDIS_FAILED',
        `Redis did not answer on ${socket} within ${limits.redis.start / 1000} s: ${await lastWords(folder)}`,
      )
    }
    await pause(limits.redis.poll)
  }
}

async function makeFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o700)
    return await realpath(folder)
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    const code: ErrorCode = cause.code === 'ENOSPC' ? 'DISK_FULL' : 'STATE_UNWRITABLE'
    throw new OrchestrateError(code, `${folder} can't be made: ${cause.message}`, { cause })
  }
}

async function readPid(folder: string): Promise<number | null> {
  return Number.parseInt(await readFile(join(folder, 'redis.pid'), 'utf8').catch(() => ''), 10) || null
}

// Somebody removed the socket under a living Redis: nobody can reach it, and a second one would write to the same file.
async function endSocketless(folder: string): Promise<void> {
  const pid = await readPid(folder)
  if (pid === null || !(await isRedisOf(pid, folder))) return
  process.kill(pid, 'SIGTERM')
  const deadline = Date.now() + limits.redis.stop
  while (await isRedisOf(pid, folder)) {
    if (Date.now() > deadline)
      throw new OrchestrateError(
        'REDIS_FAILED',
        `Redis (pid ${pid}) holds ${folder}, but has no socket and doesn't end`,
      )
    await pause(limits.redis.poll)
  }
}

// Redis 7 keeps its append-only file in a folder that Redis 6 doesn't know: it would start empty.
async function refuseOlder(server: RedisServer, folder: string): Promise<void> {
  const written = await access(join(folder, 'appendonlydir')).then(
    () => true,
    () => false,
  )
  if (written && major(server) < 7) {
    throw new OrchestrateError(
      'REDIS_TOO_OLD',
      `${folder} was written by Redis 7 or newer, and ${server.binary} is ${server.version}`,
    )
  }
}

async function lastWords(folder: string): Promise<string> {
  const log = await readFile(join(folder, 'redis.log'), 'utf8').catch(() => '')
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => / # /.test(line)).at(-1) ?? lines.at(-1)
  return telling?.replace(/^.*? [*#.-] /, '') ?? 'it left no log'
}
