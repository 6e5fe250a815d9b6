import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

/** A Lua script: its text, and the digest that Redis knows it by. */
export type Script = { text: string; sha1: string; keys: number }

/** Reads a script beside its caller; the file's name ends with the number of keys it takes. */
export function loadScript(url: URL): Script {
  const keys = /-(\d+)\.lua$/.exec(url.pathname)?.[1]
  if (keys === undefined) throw new Error(`the name of a script ends with its number of keys: ${url.pathname}`)
  const text = readFileSync(url, 'utf8')
  return { text, sha1: createHash('sha1').update(text).digest('hex'), keys: Number(keys) }
}

/** Runs a script whole, or not at all. A Redis that has not seen it, or has forgotten it, gets its text. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: string[],
  args: (string | number | Buffer)[],
): Promise<unknown> {
  if (keys.length !== script.keys) throw new Error(`the script takes ${script.keys} keys, not ${keys.length}`)
  try {
    return await redis.evalsha(script.sha1, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return redis.eval(script.text, keys.length, ...keys, ...args)
  }
}
