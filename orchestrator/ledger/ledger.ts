import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { limits } from '../limits.ts'
import type { RedisLink } from './connect-redis.ts'
import type { Keys } from './keys.ts'
import { asRedisError, restarted } from './redis-errors.ts'
import { loadScript, runScript } from './run-script.ts'

const appendScript = loadScript(new URL('./append-6.lua', import.meta.url))
const markScript = loadScript(new URL('./mark-mirrored-1.lua', import.meta.url))

// Twelve random bytes in base64url: each event is stored behind the nonce of the call that appended it.
const nonceBytes = 12
const nonceLength = 16

export type Appended = { ok: true; version: number } | { ok: false; version: number }

/** What ends with the events being appended: its reservation goes in the same step, or not at all. */
export type Release = { pool: string; attempt: string } | { pool: string; attempts: string[] }

/** Events of an aggregate that the store doesn't have yet: `count` of them from number `from` on. */
export type Unmirrored = { aggregate: string; from: number; count: number }

/**
 * The live event lists of jobs and runs. An aggregate is named `job/<key>` or `run/<id>`; its version is the number of
 * its events. All methods throw REDIS_* when Redis can't be asked; an append that throws may have happened or not.
 */
export class Ledger {
  readonly #link: RedisLink
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(link: RedisLink) {
    this.#link = link
    this.#redis = link.redis
    this.#keys = link.keys
  }

  /**
   * Appends events if the aggregate still has `expectedVersion` of them; otherwise nothing changes, and the answer says
   * how many it has. With `release`, the reservations of the attempts that these events end are given back in the same
   * step, and nothing can be reserved for them any more.
   */
  async append(aggregate: string, expectedVersion: number, events: object[], release?: Release): Promise<Appended> {
    return this.#append(aggregate, expectedVersion, events, false, release)
  }

  /** Puts back events that came from the store, number `from` on. `present`: the ledger has those already, and keeps them. */
  async restore(aggregate: string, events: object[], from = 0): Promise<'restored' | 'present'> {
    return (await this.#append(aggregate, from, events, true)).ok ? 'restored' : 'present'
  }

  /** Drops what the ledger has of an aggregate: the store tells another story, and the store is right. */
  async forget(aggregate: string): Promise<void> {
    const { log, unmirrored } = this.#keys
    await this.#ask(() => this.#redis.multi().del(log(aggregate)).hdel(unmirrored, aggregate).exec())
  }

  /** Events of an aggregate as they were appended: `count` of them, or all, from number `from` on. */
  async read(aggregate: string, from = 0, count = Number.POSITIVE_INFINITY): Promise<object[]> {
    const last = count === Number.POSITIVE_INFINITY ? -1 : from + count - 1
    const entries = await this.#ask(() => this.#redis.lrange(this.#keys.log(aggregate), from, last))
    return entries.map((entry) => JSON.parse(entry.slice(nonceLength)) as object)
  }

  async version(aggregate: string): Promise<number> {
    return this.#ask(() => this.#redis.llen(this.#keys.log(aggregate)))
  }

  /** The same for many aggregates, in few round trips. */
  async versions(aggregates: string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    for (let i = 0; i < aggregates.length; i += 1000) {
      const names = aggregates.slice(i, i + 1000)
      const pipeline = this.#redis.pipeline()
      for (const name of names) pipeline.llen(this.#keys.log(name))
      const replies = (await this.#ask(() => pipeline.exec())) ?? []
      for (const [index, [error, length]] of replies.entries()) {
        if (error) throw asRedisError(error, this.#link.shown)
        found.set(names[index] ?? '', Number(length))
      }
    }
    return found
  }

  /** Names of all aggregates of a kind, oldest first. */
  async aggregates(kind: 'job' | 'run'): Promise<string[]> {
    return this.#ask(() => this.#redis.zrange(this.#keys.index(kind), '0', '-1'))
  }

  /** What still has to be copied to the store: an aggregate's events in one piece, however many appends they came by. */
  async unmirrored(): Promise<Unmirrored[]> {
    const pending = await this.#ask(() => this.#redis.hgetall(this.#keys.unmirrored))
    return Object.entries(pending).map(([aggregate, range]) => {
      const [from = 0, to = 0] = range.split(' ').map(Number)
      return { aggregate, from, count: to - from }
    })
  }

  /** Says that the store has these events now. What was appended meanwhile stays unmirrored. */
  async markMirrored(entries: Unmirrored[]): Promise<void> {
    const mark = ({ aggregate, from, count }: Unmirrored) =>
      this.#ask(() => runScript(this.#redis, markScript, [this.#keys.unmirrored], [aggregate, from + count]))
    const { atOnce } = limits.redis
    for (let i = 0; i < entries.length; i += atOnce) await Promise.all(entries.slice(i, i + atOnce).map(mark))
  }

  async #append(
    aggregate: string,
    expected: number,
    events: object[],
    mirrored: boolean,
    release?: Release,
  ): Promise<Appended> {
    const kind = aggregate.slice(0, aggregate.indexOf('/'))
    const [first] = events
    if (first === undefined) throw new Error(`nothing to append to ${aggregate}`)
    const now = Date.now()
    const attempts = release ? ('attempt' in release ? [release.attempt] : release.attempts) : []
    const pool = release?.pool ?? ''
    const time = 'at' in first ? Number(first.at) : now
    const nonce = randomBytes(nonceBytes).toString('base64url')
    const keys = this.#keys
    const reply = await this.#ask(() =>
      runScript(
        this.#redis,
        appendScript,
        [
          keys.log(aggregate),
          keys.index(kind),
          keys.unmirrored,
          keys.reservations(pool),
          keys.ended(pool),
          keys.tally(pool),
        ],
        [
          aggregate,
          expected,
          nonce,
          time,
          now,
          now - limits.redis.endedKept,
          mirrored ? '1' : '0',
          this.#link.compared,
          attempts.length,
          ...attempts,
          ...events.map((event) => JSON.stringify(event)),
        ],
      ),
    )
    const [ok, version] = reply as [number, number]
    if (ok === -1) throw restarted(this.#link.shown)
    return { ok: ok === 1, version }
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }
}
