import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { OrchestrateError } from '../errors.ts'

/** Setting -> what Node calls it. Files, for a key has no place in an environment. */
const FILES = { ca: 'ORCHESTRATE_REDIS_CA', cert: 'ORCHESTRATE_REDIS_CERT', key: 'ORCHESTRATE_REDIS_KEY' } as const

/** For `rediss://`: who signed the server's certificate, where no public authority did, and our own certificate, where it asks for one. */
export function redisTls(env: NodeJS.ProcessEnv = process.env): ConnectionOptions {
  const named = Object.entries(FILES).flatMap(([option, name]) => (env[name] ? [[option, name, env[name]]] : []))
  return Object.fromEntries(named.map(([option = '', name = '', path = '']) => [option, read(name, path)]))
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new OrchestrateError('ARGUMENT_INVALID', `${name} is ${path}, which can't be read: ${cause}`, { cause })
  }
}
