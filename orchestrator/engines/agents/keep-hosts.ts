import type { AgentHost, AgentHosts } from '../../ledger/agents/agent-hosts.ts'
import { limits } from '../../limits.ts'
import { overDetail } from './messages.ts'

/** A host of a pool, as the control plane sees it. */
export type KnownHost = AgentHost & {
  /** When it last showed a sign of life, by this process's clock; null when it has not since this process began to listen. */
  heardAt: number | null
}

type Heard = { incarnation: string; beat: string; silent: number; heardAt: number | null }

type Options = {
  hosts: AgentHosts
  /** Milliseconds without a sign of life after which a host is lost. */
  silence: number
  /** An incarnation was declared lost, and these attempts ended with it. */
  lost(host: AgentHost, attempts: string[]): Promise<void>
}

/**
 * Knows who is part of a pool, and declares lost who is silent for too long. Silence is counted only while Redis answered and this process was awake: after an outage of either, everybody has time to be heard again.
 */
export class HostKeeper {
  readonly #options: Options
  readonly #heard = new Map<string, Heard>()
  #known: KnownHost[] = []
  #last: number | null = null
  /** Whether one look was made: of who was there then, nobody knows since when. */
  #looked = false

  constructor(options: Options) {
    this.#options = options
  }

  /** As of the last look. */
  list(): KnownHost[] {
    return this.#known
  }

  /** True when somebody came, went, or changed. */
  async look(): Promise<boolean> {
    const { hosts } = this.#options
    await hosts.conduct(limits.agents.conducted)
    const found = await hosts.list()
    const now = performance.now()
    const awake = this.#last === null ? 0 : Math.min(now - this.#last, 2 * limits.agents.look)
    this.#last = now
    for (const host of found) await this.#listen(host, awake)
    this.#looked = true
    const before = JSON.stringify(placesOf(this.#known))
    this.#known = found.map((host) => ({ ...host, heardAt: this.#heard.get(host.host)?.heardAt ?? null }))
    return JSON.stringify(placesOf(this.#known)) !== before
  }

  /** For a look that failed: the time until the next isn't silence. */
  missed(): void {
    this.#last = null
  }

  async #listen(host: AgentHost, awake: number): Promise<void> {
    const before = this.#heard.get(host.host)
    const same = before?.incarnation === host.incarnation && before.beat === host.beat
    const heard: Heard = same
      ? { ...before, silent: before.silent + awake }
      : { incarnation: host.incarnation, beat: host.beat, silent: 0, heardAt: this.#looked ? Date.now() : null }
    this.#heard.set(host.host, heard)
    if (heard.silent < this.#options.silence || !isPart(host)) return
    const seconds = Math.round(heard.silent / 1000)
    const message = `was lost with its host ${host.host}, of which nothing was heard for ${seconds} s`
    const detail = overDetail({ exit: null, end: { kind: 'nodeLost', message, nodes: [] } })
    const attempts = await this.#options.hosts.lose(host.host, host.incarnation, host.beat, detail)
    if (attempts === null) return // it spoke just now
    host.state = 'lost'
    await this.#options.lost(host, attempts)
  }
}

/** What a change of is a change of the pool: who takes work, and how much. */
const placesOf = (hosts: AgentHost[]) => hosts.map(({ host, state, facts }) => [host, state, facts.capacity])

/** Whether it may still do something for its pool. */
export const isPart = ({ state }: Pick<AgentHost, 'state'>): boolean => state === 'live' || state === 'draining'
