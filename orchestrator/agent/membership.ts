import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { AgentFacts, AgentHosts } from '../ledger/agents/agent-hosts.ts'
import { limits } from '../limits.ts'

export type MembershipOptions = {
  hosts: AgentHosts
  host: string
  facts: AgentFacts
  log: Logger
  /** This incarnation was declared lost. */
  fenced(): void
  /** Redis had forgotten it, and has it again. */
  rejoined(): Promise<void>
}

/** Shows that this host lives, and hears when it counts as lost. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #incarnation: string
  readonly #stop = new AbortController()
  #state: 'live' | 'draining' = 'live'
  #running: Promise<void> | null = null

  constructor(options: MembershipOptions, incarnation: string) {
    this.#options = options
    this.#incarnation = incarnation
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Says at once that it takes nothing new. */
  async drain(): Promise<void> {
    this.#state = 'draining'
    await this.#beat().catch(() => {}) // the next one says it too
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#options
    let failing = false
    while (!signal.aborted) {
      try {
        await this.#beat()
        if (failing) log.info('the control plane is heard again')
        failing = false
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'no sign of life can be given; trying on')
        failing = true
      }
      await pause(limits.agents.beat, undefined, { signal }).catch(() => {})
    }
  }

  async #beat(): Promise<void> {
    const { hosts, host, facts, fenced, rejoined } = this.#options
    const answer = await hosts.beat(host, this.#incarnation, this.#state)
    if (this.#stop.signal.aborted || answer === 'alive') return
    if (answer === 'fenced') {
      this.#stop.abort()
      return fenced()
    }
    if ((await hosts.join(host, this.#incarnation, facts)) === 'joined') await rejoined()
  }
}
