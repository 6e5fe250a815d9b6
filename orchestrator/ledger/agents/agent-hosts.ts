import { z } from 'zod'
import { HostCapacity } from '../capacity.ts'
import type { RedisLink } from '../connect-redis.ts'
import { asRedisError } from '../redis-errors.ts'
import { loadScript, runScript } from '../run-script.ts'

const joinScript = loadScript(new URL('./join-1.lua', import.meta.url))
const beatScript = loadScript(new URL('./beat-1.lua', import.meta.url))
const endHostScript = loadScript(new URL('./end-host-2.lua', import.meta.url))

/** What an agent says of its host when it joins. */
export const AgentFacts = z.object({
  capacity: HostCapacity,
  /** Seals what only this process of the agent may read. */
  publicKey: z.string(),
  version: z.string(),
  startedAt: z.number(),
})
export type AgentFacts = z.infer<typeof AgentFacts>

/**
 * - live: takes work
 * - draining: finishes what it has
 * - left: has finished, and said so
 * - lost: was silent for too long; what it ran was given to others
 */
export type AgentState = 'live' | 'draining' | 'left' | 'lost'

/** A host of a pool. An incarnation is a life of its attempts: it survives its agent, and ends when it is declared lost. */
export type AgentHost = { host: string; state: AgentState; beat: string; incarnation: string; facts: AgentFacts }

/** Who is part of a pool. Agents speak for themselves; that one is lost is for the control plane to say. */
export class AgentHosts {
  readonly #link: RedisLink
  readonly #pool: string

  constructor(link: RedisLink, pool: string) {
    this.#link = link
    this.#pool = pool
  }

  async join(host: string, incarnation: string, facts: AgentFacts): Promise<'joined' | 'fenced' | 'taken'> {
    const reply = await this.#run(joinScript, [this.#agents], [host, incarnation, JSON.stringify(facts)])
    return reply as 'joined' | 'fenced' | 'taken'
  }

  async beat(host: string, incarnation: string, state: 'live' | 'draining'): Promise<'alive' | 'fenced' | 'unknown'> {
    return (await this.#run(beatScript, [this.#agents], [host, incarnation, state])) as 'alive' | 'fenced' | 'unknown'
  }

  /** Says that an incarnation is over, by itself. Returns the attempts that end with it. */
  async leave(host: string, incarnation: string, detail: string): Promise<string[]> {
    return (await this.#end(host, incarnation, '', 'left', detail)) ?? []
  }

  /** Declares an incarnation lost unless it has shown a sign of life after `beat`. Returns the attempts that end with it. */
  async lose(host: string, incarnation: string, beat: string, detail: string): Promise<string[] | null> {
    return this.#end(host, incarnation, beat, 'lost', detail)
  }

  /** Hosts by name. */
  async list(): Promise<AgentHost[]> {
    const all = await this.#ask(() => this.#link.redis.hgetall(this.#agents))
    return Object.entries(all)
      .map(([host, text]) => parseHost(host, text))
      .sort((a, b) => (a.host < b.host ? -1 : 1))
  }

  async find(host: string): Promise<AgentHost | null> {
    const text = await this.#ask(() => this.#link.redis.hget(this.#agents, host))
    return text === null ? null : parseHost(host, text)
  }

  /** Forgets a host that is no part of the pool any more. */
  async forget(host: string): Promise<void> {
    const { keys, redis } = this.#link
    await this.#ask(() => redis.multi().hdel(this.#agents, host).del(keys.told(this.#pool, host)).exec())
  }

  /** Says for `ms` that there is a control plane that has this pool. */
  async conduct(ms: number): Promise<void> {
    await this.#ask(() => this.#link.redis.set(this.#link.keys.conducted(this.#pool), '1', 'PX', ms))
  }

  async isConducted(): Promise<boolean> {
    return (await this.#ask(() => this.#link.redis.exists(this.#link.keys.conducted(this.#pool)))) === 1
  }

  get #agents(): string {
    return this.#link.keys.agents(this.#pool)
  }

  async #end(host: string, incarnation: string, beat: string, state: AgentState, detail: string) {
    const keys = [this.#agents, this.#link.keys.handed(this.#pool)]
    return (await this.#run(endHostScript, keys, [host, incarnation, beat, state, detail])) as string[] | null
  }

  #run(script: typeof joinScript, keys: string[], args: string[]): Promise<unknown> {
    return this.#ask(() => runScript(this.#link.redis, script, keys, args))
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }
}

function parseHost(host: string, text: string): AgentHost {
  const [, state, beat = '', incarnation = '', facts = ''] = /^(\S+) (\d+) (\S+) (.*)$/s.exec(text) ?? []
  return { host, state: state as AgentState, beat, incarnation, facts: AgentFacts.parse(JSON.parse(facts)) }
}
