import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OrchestrateError } from '../errors.ts'
import type { StoreAddress } from '../protocol/job-file.ts'
import { parseAge, parseSize } from '../spec/units.ts'
import type { Ages } from './gc/judge.ts'
import { makeFolder } from './make-folder.ts'

/** The checkout that this program runs from. */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Files in PEM. */
type Tls = { cert: string; key: string }

/** What a daemon is told from outside; everything has a default that works on a laptop. */
export type Settings = {
  /** Absolute. One daemon each. */
  stateDir: string
  store: StoreAddress
  /** Null: an embedded Redis in the state directory. */
  redisUrl: string | null
  /** Interpreter for workers and the launcher. */
  python: string
  /** TCP address to listen on besides the unix socket, or null. */
  tcp: { host: string; port: number; tls: Tls | null } | null
  /** An on-demand daemon ends after this long without work or visitors; null: never. */
  idleMs: number | null
  /** Cores of this machine that attempts may have; null: all. */
  cores: number | null
  /** The file that says which pools there are; it need not be there unless it was named. */
  pools: { path: string; named: boolean }
  /** Silence of a worker that is never a hang, in milliseconds. Tests of hangs make it short. */
  hangFloorMs: number
  /** Bytes of this host's disk for what is read of streamed inputs, for all attempts together. */
  streamCache: number
  /** Bytes of this host's disk for staged inputs. */
  cache: number
  /** Garbage collection. `everyMs` null: only when it is asked for. */
  gc: { everyMs: number | null; grace: number; ages: Ages }
}

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

export function readSettings(
  env: NodeJS.ProcessEnv,
  options: { state?: string; host?: string; port?: number; tls?: Tls; foreground?: boolean } = {},
): Settings {
  // A variable that is empty is not set: `REDIS_URL= orchestrate …` is how one unsets it for one command.
  const stateDir = resolve(options.state || env.ORCHESTRATE_STATE || '.orchestrate')
  const url = env.ORCHESTRATE_STORE || pathToFileURL(join(stateDir, 'store')).href
  if (!/^(file|s3):\/\//.test(url))
    throw new OrchestrateError(
      'ARGUMENT_INVALID',
      `ORCHESTRATE_STORE is "${url}"; expected file:///folder or s3://bucket/prefix`,
    )
  const endpoint = env.ORCHESTRATE_S3_ENDPOINT || env.AWS_ENDPOINT_URL_S3
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION
  return {
    stateDir,
    store: { url, ...(endpoint ? { endpoint } : {}), ...(region ? { region } : {}) },
    redisUrl: env.REDIS_URL || null,
    python: findPython(env),
    tcp: options.port === undefined ? null : tcp(options.host || '127.0.0.1', options.port, options.tls ?? null),
    idleMs: options.foreground ? null : (seconds('ORCHESTRATE_IDLE_S', env.ORCHESTRATE_IDLE_S) ?? 1800) * 1000,
    cores: cores('ORCHESTRATE_CORES', env.ORCHESTRATE_CORES),
    pools: env.ORCHESTRATE_POOLS
      ? { path: resolve(env.ORCHESTRATE_POOLS), named: true }
      : { path: join(stateDir, 'pools.yaml'), named: false },
    hangFloorMs: (seconds('ORCHESTRATE_HANG_FLOOR_S', env.ORCHESTRATE_HANG_FLOOR_S) ?? 60) * 1000,
    streamCache: size('ORCHESTRATE_STREAM_CACHE', env, 50 * 2 ** 30),
    cache: size('ORCHESTRATE_CACHE', env, 100 * 2 ** 30),
    gc: {
      everyMs: env.ORCHESTRATE_GC_EVERY === 'never' ? null : age('ORCHESTRATE_GC_EVERY', env, 10 * MINUTE, 1),
      grace: age('ORCHESTRATE_GC_GRACE', env, 10 * MINUTE),
      ages: {
        leftovers: 10 * MINUTE,
        artifacts: age('ORCHESTRATE_GC_OLDER_THAN', env, 30 * DAY),
        logs: age('ORCHESTRATE_GC_LOGS', env, 90 * DAY),
      },
    },
  }
}

/** A duration in milliseconds. */
function age(name: string, env: NodeJS.ProcessEnv, otherwise: number, least = 0): number {
  const text = env[name]
  if (!text) return otherwise
  const found = parseAge(text)
  if (found !== null && found >= least) return found
  const never = least > 0 ? ', or never' : ''
  throw new OrchestrateError(
    'ARGUMENT_INVALID',
    `${name} is "${text}"; expected a duration such as 10m, 24h or 30d${never}`,
  )
}

function size(name: string, env: NodeJS.ProcessEnv, otherwise: number): number {
  const text = env[name]
  if (!text) return otherwise
  const found = parseSize(text)
  if (found !== null) return found
  throw new OrchestrateError('ARGUMENT_INVALID', `${name} is "${text}"; expected a size such as 50GiB`)
}

function cores(name: string, text: string | undefined): number | null {
  if (!text) return null
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw new OrchestrateError('ARGUMENT_INVALID', `${name} is "${text}"; expected a whole number of CPU cores ≥ 1`)
}

function seconds(name: string, text: string | undefined): number | null {
  if (!text) return null
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text)
  throw new OrchestrateError('ARGUMENT_INVALID', `${name} is "${text}"; expected a number of seconds ≥ 0`)
}

/** Whoever reaches the port may run code as this user: other machines only where tokens are sent, and not in the clear. */
function tcp(host: string, port: number, tls: Tls | null): NonNullable<Settings['tcp']> {
  if (tls !== null || host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'))) return { host, port, tls }
  throw new OrchestrateError(
    'HOST_NOT_LOOPBACK',
    `--host ${host}: expected an address of this machine only (127.0.0.1 or localhost), or --tls-cert and --tls-key: clients may run code, and tokens are not sent in the clear`,
  )
}

function findPython(env: NodeJS.ProcessEnv): string {
  const named = env.ORCHESTRATE_PYTHON
  if (named) return resolve(named)
  const own = join(checkout, '.venv/bin/python')
  return existsSync(own) ? own : 'python3'
}

/** Makes the state directory, or says in one sentence why that can't be. */
export function makeStateDir(stateDir: string): void {
  try {
    for (const name of ['attempts', 'code', 'cache', 'reports', 'logs']) makeFolder(join(stateDir, name))
  } catch (cause) {
    throw new OrchestrateError(
      'STATE_UNWRITABLE',
      `the state directory ${stateDir} can't be written: ${(cause as Error).message}`,
      { cause },
    )
  }
}
