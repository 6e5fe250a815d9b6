import type { ChainableCommander, Redis } from 'ioredis'
import { z } from 'zod'
import type { RedisLink } from './connect-redis.ts'
import type { Keys } from './keys.ts'
import { asRedisError, restarted } from './redis-errors.ts'
import { loadScript, runScript } from './run-script.ts'

const reserveScript = loadScript(new URL('./reserve-4.lua', import.meta.url))

export const HostCapacity = z.object({ cores: z.number(), gpus: z.array(z.string()) })
/** What a host has. GPUs by id, as the engine names them (UUIDs); ids have no comma. */
export type HostCapacity = z.infer<typeof HostCapacity>

const Stored = z.object({ host: z.string(), cores: z.number(), gpus: z.string() })
export type Reservation = { attempt: string; host: string; cores: number; gpus: string[] }

/** Free cores and GPUs of a pool: of all its hosts together, and of each. */
export type Free = {
  cores: number
  gpus: number
  hosts: { host: string; capacity: HostCapacity; coresFree: number; gpusFree: string[] }[]
}

export type Reserved =
  | ({ ok: true } & Reservation)
  | { ok: false /** A sentence's end: 'needs 2 cores, 0 free'. */; why: string }

/**
 * Who has which cores and GPUs of a pool. Whole or not at all, and never more than there is: what is free is counted
 * from the reservations by the script that adds one. A reservation ends with the event that ends its attempt: see
 * `Ledger.append`.
 */
export class Capacity {
  readonly #link: RedisLink
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(link: RedisLink) {
    this.#link = link
    this.#redis = link.redis
    this.#keys = link.keys
  }

  /**
   * Says what a host has now. Reservations stay as they are, even where it has become too small for them; what they come to
   * is counted anew, as it is after each start.
   */
  async setHost(pool: string, host: string, capacity: HostCapacity): Promise<void> {
    await this.#change(pool, (redis) => redis.hset(this.#keys.hosts(pool), host, JSON.stringify(capacity)))
  }

  /** Takes a host out of the pool. Its reservations stay until their attempts end. */
  async removeHost(pool: string, host: string): Promise<void> {
    await this.#ask(() => this.#redis.hdel(this.#keys.hosts(pool), host))
  }

  /** Reserves all that an attempt needs on one host. Asking again returns the first answer; an ended attempt gets none. */
  async reserve(pool: string, attempt: string, need: { cores: number; gpus: number }): Promise<Reserved> {
    const { hosts, reservations, ended, tally } = this.#keys
    const keys = [hosts(pool), reservations(pool), ended(pool), tally(pool)]
    const { compared, shown } = this.#link
    const args = [attempt, need.cores, need.gpus, compared]
    const reply = await this.#ask(() => runScript(this.#redis, reserveScript, keys, args))
    const [ok, text] = reply as [number, string]
    if (ok === -1) throw restarted(shown)
    if (ok !== 1) return { ok: false, why: text }
    return { ok: true, ...reservation(attempt, text) }
  }

  /** Puts back what an attempt that was placed has: just that, whoever else may seem to have it. False: it was there. */
  async restore(pool: string, { attempt, host, cores, gpus }: Reservation): Promise<boolean> {
    const text = JSON.stringify({ host, cores, gpus: gpus.join(',') })
    return (await this.#change(pool, (redis) => redis.hsetnx(this.#keys.reservations(pool), attempt, text))) === 1
  }

  /**
   * Gives a reservation back for an attempt that never was: its fence was not claimed. Unlike an ended one, it may
   * reserve again.
   */
  async release(pool: string, attempt: string): Promise<void> {
    await this.#change(pool, (redis) => redis.hdel(this.#keys.reservations(pool), attempt))
  }

  async reservations(pool: string): Promise<Reservation[]> {
    const all = await this.#ask(() => this.#redis.hgetall(this.#keys.reservations(pool)))
    return Object.entries(all).map(([attempt, text]) => reservation(attempt, text))
  }

  async reservation(pool: string, attempt: string): Promise<Reservation | null> {
    const text = await this.#ask(() => this.#redis.hget(this.#keys.reservations(pool), attempt))
    return text === null ? null : reservation(attempt, text)
  }

  /** What nobody has reserved, hosts by name. A host that became too small for its reservations has nothing free. */
  async free(pool: string): Promise<Free> {
    const [stored, reservations] = await Promise.all([
      this.#ask(() => this.#redis.hgetall(this.#keys.hosts(pool))),
      this.reservations(pool),
    ])
    const hosts = Object.entries(stored)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([host, text]) => {
        const capacity = HostCapacity.parse(JSON.parse(text))
        const here = reservations.filter((reservation) => reservation.host === host)
        const busy = new Set(here.flatMap((reservation) => reservation.gpus))
        const coresFree = Math.max(0, capacity.cores - here.reduce((sum, reservation) => sum + reservation.cores, 0))
        return { host, capacity, coresFree, gpusFree: capacity.gpus.filter((id) => !busy.has(id)) }
      })
    const cores = hosts.reduce((sum, host) => sum + host.coresFree, 0)
    return { cores, gpus: hosts.reduce((sum, host) => sum + host.gpusFree.length, 0), hosts }
  }

  /** Changes something, and drops what the reservations came to: it is counted anew when somebody asks. */
  async #change(pool: string, change: (redis: ChainableCommander) => ChainableCommander): Promise<unknown> {
    const replies = await this.#ask(() => change(this.#redis.multi()).del(this.#keys.tally(pool)).exec())
    const [error, reply] = replies?.[0] ?? []
    if (error) throw asRedisError(error, this.#link.shown)
    return reply
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }
}

function reservation(attempt: string, text: string): Reservation {
  const { host, cores, gpus } = Stored.parse(JSON.parse(text))
  return { attempt, host, cores, gpus: gpus === '' ? [] : gpus.split(',') }
}
