import { Redis } from 'ioredis'
import { OrchestrateError } from '../errors.ts'
import { limits, reconnectPause } from '../limits.ts'
import { type Keys, keysOf } from './keys.ts'
import { parseRedisAddress, type RedisOptions, redactAddress } from './redis-address.ts'
import { asRedisError } from './redis-errors.ts'
import { redisTls } from './redis-tls.ts'

/** A Redis that was found fit to use. */
export type RedisLink = {
  /** For short commands; each ends within `limits.redis.command`, one way or the other. */
  redis: Redis
  keys: Keys
  /** The address without its password. */
  shown: string
  version: string
  /** True of Redis, but not wished for; each a sentence to show once. */
  warnings: string[]
  /** Names the server process and its data: when it changes, Redis was started anew and may have come back older. */
  runId(): Promise<string>
  /** Run id of the server whose data were compared with what is known: to any other, no event and no reservation is written. */
  compared: string
  /** One more connection that waits for Redis as long as it takes: for a consumer that blocks. The caller closes it. */
  open(name: string): Redis
  close(): Promise<void>
}

/**
 * Connects to Redis and checks that it is fit: new enough, writable, and not one that throws keys away. `address` is a
 * URL or a socket's path. Throws REDIS_* within `limits.redis.firstConnect`. Later losses of the connection are healed in the
 * background and told to `onError`.
 */
export async function connectRedis(
  address: string,
  namespace: string,
  onError: (error: Error) => void = () => {},
): Promise<RedisLink> {
  const options: RedisOptions = {
    ...parseRedisAddress(address, redisTls()),
    connectTimeout: limits.redis.connect,
    connectionName: 'orchestrate',
  }
  const shown = redactAddress(address)
  const keys = keysOf(namespace)
  const redis = await connect(options, shown, onError)
  try {
    const { version, warnings, runId } = await check(redis, keys, shown)
    return {
      redis,
      keys,
      shown,
      version,
      warnings,
      runId: async () => {
        const info = await redis.info('server').catch((error: unknown) => Promise.reject(asRedisError(error, shown)))
        return field(info, 'run_id')
      },
      compared: runId,
      open: (name) => {
        const more = new Redis({
          ...options,
          connectionName: name,
          maxRetriesPerRequest: null,
          retryStrategy: reconnectPause,
          socketTimeout: limits.redis.consumerSilence,
        })
        more.on('error', onError)
        return more
      },
      close: async () => disconnect(redis),
    }
  } catch (error) {
    await disconnect(redis)
    throw asRedisError(error, shown)
  }
}

async function connect(options: RedisOptions, shown: string, onError: (error: Error) => void): Promise<Redis> {
  let connected = false
  let last: Error | null = null
  const redis = new Redis({
    ...options,
    commandTimeout: limits.redis.command,
    maxRetriesPerRequest: limits.redis.commandRetries,
    retryStrategy: (times) => (connected || times < limits.redis.firstConnectAttempts ? reconnectPause(times) : null),
  })
  redis.on('error', (error) => {
    last = error
    if (connected) onError(error)
    else if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(error.message)) redis.disconnect()
  })
  const gone = () => asRedisError(last ?? new Error(`no answer within ${limits.redis.firstConnect / 1000} s`), shown)
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => {
      redis.disconnect()
      reject(gone())
    }, limits.redis.firstConnect)
    redis.once('ready', () => {
      clearTimeout(deadline)
      connected = true
      resolve()
    })
    redis.once('end', () => {
      clearTimeout(deadline)
      reject(gone())
    })
  })
  return redis
}

type Fitness = { version: string; warnings: string[]; runId: string }

async function check(redis: Redis, keys: Keys, shown: string): Promise<Fitness> {
  const info = await redis.info()
  const version = field(info, 'redis_version')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2)) {
    throw new OrchestrateError('REDIS_TOO_OLD', `Redis at ${shown} is ${version}; expected 6.2 or newer`)
  }
  const policy = field(info, 'maxmemory_policy')
  if (policy !== 'noeviction') {
    throw new OrchestrateError('REDIS_EVICTS', `Redis at ${shown} has maxmemory-policy ${policy}; expected noeviction`)
  }
  await redis.set(keys.probe, '1', 'PX', 1000) // a replica, a full one and a forbidden one all refuse this
  const kept = field(info, 'aof_enabled') === '1'
  return {
    version,
    runId: field(info, 'run_id'),
    warnings: kept
      ? []
      : [
          `Redis at ${shown} keeps no append-only file: the last moments before a crash would have to come from the store`,
        ],
  }
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
}

/** Ends a connection, whatever state it is in, and resolves when its socket is closed. Unanswered commands reject. */
export async function disconnect(redis: Redis): Promise<void> {
  // Between two attempts to connect there is no socket whose end could be told: ioredis only forgets its timer then.
  const socket = !['end', 'reconnecting', 'close'].includes(redis.status)
  const ended = socket ? new Promise<void>((resolve) => redis.once('end', () => resolve())) : null
  redis.disconnect()
  await ended
}
