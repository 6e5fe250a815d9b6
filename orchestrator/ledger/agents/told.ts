import type { Redis } from 'ioredis'
import { limits } from '../../limits.ts'
import { disconnect, type RedisLink } from '../connect-redis.ts'
import { asRedisError } from '../redis-errors.ts'
import { loadScript, runScript } from '../run-script.ts'

const tellScript = loadScript(new URL('./tell-1.lua', import.meta.url))

/** A file's bytes from `offset` on. `file` is relative to the attempt's directory. */
export type Chunk = {
  kind: 'bytes'
  attempt: string
  file: string
  /** Which file of that name: one may be replaced by another. */
  version: string
  offset: number
  /** Bytes that the file had when this was sent: a replaced one is shown only when it has as many. */
  size: number
  data: Buffer
}

/**
 * What an agent tells of an attempt: bytes of its files; that its record has changed (`moved`); that with this its files
 * are complete (`complete`, with the sizes of all of them); that it must be told how much has arrived (`ask`); how its
 * ranks are (`ranks`, as JSON), which was asked for.
 */
export type Told =
  | Chunk
  | { kind: 'moved' | 'ask'; attempt: string }
  | { kind: 'complete'; attempt: string; sizes: string }
  | { kind: 'ranks'; attempt: string; ranks: string }

/** The agent's end. What is told waits in Redis until it is taken, and no more of it than `limits.agents.waiting`. */
export class Telling {
  readonly #link: RedisLink
  readonly #key: string

  constructor(link: RedisLink, pool: string, host: string) {
    this.#link = link
    this.#key = link.keys.told(pool, host)
  }

  /** False when too much waits already. */
  async tell(told: Told): Promise<boolean> {
    const fields = Object.entries(told).flatMap(([name, value]) => [name, Buffer.isBuffer(value) ? value : `${value}`])
    try {
      const args = [limits.agents.waiting, ...fields]
      return (await runScript(this.#link.redis, tellScript, [this.#key], args)) === 1
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }
}

/** The control plane's end. An entry goes out of Redis only after it was taken. */
export class Listening {
  readonly #link: RedisLink
  readonly #redis: Redis
  readonly #pool: string

  constructor(link: RedisLink, pool: string) {
    this.#link = link
    this.#pool = pool
    this.#redis = link.open('orchestrate-agents')
  }

  /** Takes what there is of these hosts, in each one's order, or waits a while for it. */
  async take(hosts: string[], take: (host: string, told: Told) => Promise<void>): Promise<void> {
    const keys = new Map(hosts.map((host) => [this.#link.keys.told(this.#pool, host), host]))
    const reply = await this.#redis.xreadBuffer(
      ...['COUNT' as const, 64, 'BLOCK' as const, limits.agents.listen, 'STREAMS' as const],
      ...keys.keys(),
      // Always from the beginning: what was taken is there no more.
      ...hosts.map(() => '0-0'),
    )
    for (const [key, entries] of (reply ?? []) as [Buffer, [Buffer, Buffer[]][]][]) {
      const host = keys.get(key.toString()) ?? ''
      for (const [, fields] of entries) {
        const told = parseTold(fields)
        if (told) await take(host, told)
      }
      await this.#link.redis.xdel(key.toString(), ...entries.map(([id]) => id.toString()))
    }
  }

  close(): Promise<void> {
    return disconnect(this.#redis)
  }
}

function parseTold(fields: Buffer[]): Told | null {
  const found = new Map<string, Buffer>()
  for (let i = 0; i + 1 < fields.length; i += 2) found.set(String(fields[i]), fields[i + 1] as Buffer)
  const text = (name: string) => found.get(name)?.toString() ?? ''
  const attempt = text('attempt')
  switch (text('kind')) {
    case 'bytes': {
      const data = found.get('data') ?? Buffer.alloc(0)
      const [offset, size] = [Number(text('offset')), Number(text('size'))]
      return { kind: 'bytes', attempt, file: text('file'), version: text('version'), offset, size, data }
    }
    case 'moved':
      return { kind: 'moved', attempt }
    case 'ask':
      return { kind: 'ask', attempt }
    case 'complete':
      return { kind: 'complete', attempt, sizes: text('sizes') }
    case 'ranks':
      return { kind: 'ranks', attempt, ranks: text('ranks') }
    default:
      return null // of a later release
  }
}
