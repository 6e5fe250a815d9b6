import type { RedisLink } from '../connect-redis.ts'
import { asRedisError } from '../redis-errors.ts'
import { loadScript, runScript } from '../run-script.ts'

const handScript = loadScript(new URL('./hand-2.lua', import.meta.url))
const moveScript = loadScript(new URL('./move-1.lua', import.meta.url))

/**
 * - asked: its host's agent has been asked to run it
 * - bringing: the agent brings its code and inputs; it can still be revoked
 * - running: it was started, or is about to be, and can't be revoked any more
 * - over: it has ended, or will never start
 * - revoked: taken back before it was started
 */
export type HandedState = 'asked' | 'bringing' | 'running' | 'over' | 'revoked'

/** `detail` is for the two ends to agree on. */
export type Handed = { attempt: string; state: HandedState; host: string; incarnation: string; detail: string }

/** The incarnation of a host that an attempt was handed to. */
export type Holder = { host: string; incarnation: string }

export type Move = { from: (HandedState | 'none')[]; to: HandedState | 'none'; detail?: string }

/** Attempts that were handed to agents: who has which, and how far each is. Every step is compare-and-set. */
export class HandedAttempts {
  readonly #link: RedisLink
  readonly #key: string
  readonly #agents: string

  constructor(link: RedisLink, pool: string) {
    this.#link = link
    this.#key = link.keys.handed(pool)
    this.#agents = link.keys.agents(pool)
  }

  /** Hands an attempt over, unless it was before; where the holder takes nothing any more it is over, with `otherwise`. */
  async hand(attempt: string, { host, incarnation }: Holder, otherwise: string): Promise<Handed> {
    const args = [attempt, host, incarnation, otherwise]
    const text = await this.#ask(() => runScript(this.#link.redis, handScript, [this.#agents, this.#key], args))
    return parseHanded(attempt, String(text))
  }

  /** One step on. `holder`: only if it is this one's. `ok` is false where it was in no state to come from. */
  async move(
    attempt: string,
    { from, to, detail = '' }: Move,
    holder: Holder | null,
  ): Promise<{ ok: boolean; now: Handed | null }> {
    const args = [attempt, holder?.host ?? '', holder?.incarnation ?? '', ` ${from.join(' ')} `, to, detail]
    const reply = await this.#ask(() => runScript(this.#link.redis, moveScript, [this.#key], args))
    const [ok, text] = reply as [number, string]
    return { ok: ok === 1, now: text === '' ? null : parseHanded(attempt, text) }
  }

  async read(attempts: string[]): Promise<Map<string, Handed>> {
    if (attempts.length === 0) return new Map()
    const texts = await this.#ask(() => this.#link.redis.hmget(this.#key, ...attempts))
    return new Map(
      attempts.flatMap((attempt, i) => {
        const text = texts[i]
        return text ? [[attempt, parseHanded(attempt, text)] as const] : []
      }),
    )
  }

  async all(): Promise<Handed[]> {
    const all = await this.#ask(() => this.#link.redis.hgetall(this.#key))
    return Object.entries(all).map(([attempt, text]) => parseHanded(attempt, text))
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }
}

function parseHanded(attempt: string, text: string): Handed {
  const [, state, host = '', incarnation = '', detail = ''] = /^(\S+) (\S+) (\S+) ?(.*)$/s.exec(text) ?? []
  return { attempt, state: state as HandedState, host, incarnation, detail }
}
