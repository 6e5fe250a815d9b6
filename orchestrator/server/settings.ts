import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OrchestrateError } from '../errors.ts'
import type { StoreAddress } from '../protocol/job-file.ts'
import { makeFolder } from './make-folder.ts'

/** The checkout that this program runs from. */
export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

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
  tcp: { host: string; port: number } | null
  /** An on-demand daemon ends after this long without work or visitors; null: never. */
  idleMs: number | null
  /** Pools: name -> this host's share of them. */
  cores: number | null
}

export function readSettings(
  env: NodeJS.ProcessEnv,
  options: { state?: string; host?: string; port?: number; foreground?: boolean } = {},
): Settings {
  const stateDir = resolve(options.state ?? env.ORCHESTRATE_STATE ?? '.orchestrate')
  const url = env.ORCHESTRATE_STORE ?? pathToFileURL(join(stateDir, 'store')).href
  if (!/^(file|s3):\/\//.test(url))
    throw new OrchestrateError(
      'ARGUMENT_INVALID',
      `ORCHESTRATE_STORE is "${url}"; expected file:///folder or s3://bucket/prefix`,
    )
  const endpoint = env.ORCHESTRATE_S3_ENDPOINT ?? env.AWS_ENDPOINT_URL_S3
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION
  return {
    stateDir,
    store: { url, ...(endpoint ? { endpoint } : {}), ...(region ? { region } : {}) },
    redisUrl: env.REDIS_URL ?? null,
    python: findPython(env),
    tcp: options.port === undefined ? null : { host: options.host ?? '127.0.0.1', port: options.port },
    idleMs: options.foreground ? null : Number(env.ORCHESTRATE_IDLE_S ?? 1800) * 1000,
    cores: env.ORCHESTRATE_CORES ? Number(env.ORCHESTRATE_CORES) : null,
  }
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
