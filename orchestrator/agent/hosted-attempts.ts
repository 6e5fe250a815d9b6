import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import {
  type AgentMessage,
  type CollectMessage,
  type LaunchMessage,
  type OverDetail,
  overDetail,
  parseOver,
  SealedPart,
} from '../engines/agents/messages.ts'
import { type KeyPair, open } from '../engines/agents/seal.ts'
import { readClaim } from '../engines/attempt-directory.ts'
import type { LocalEngine } from '../engines/local/local.ts'
import { bootId } from '../engines/local/processes.ts'
import type { HostFolders } from '../engines/prepare/host-folders.ts'
import { prepare } from '../engines/prepare/prepare.ts'
import { OrchestrateError } from '../errors.ts'
import type { HandedAttempts, Holder } from '../ledger/agents/handed.ts'
import type { EngineEnd } from '../protocol/engine-end.ts'
import type { AttemptExit } from '../protocol/exit-record.ts'
import type { JobFile, StoreAddress } from '../protocol/job-file.ts'
import type { JobOrder } from '../protocol/job-order.ts'
import { workerEnv } from '../server/conduct/worker-env.ts'
import { isAddress } from '../spec/sections.ts'
import { collectOutputs } from '../store/artifacts.ts'
import type { Store } from '../store/store.ts'
import { formsOf } from './mask.ts'
import type { Teller } from './teller.ts'
import { withRetries } from './with-retries.ts'

export type HostedOptions = {
  holder: Holder
  handed: HandedAttempts
  engine: LocalEngine
  teller: Teller
  store: Store
  address: StoreAddress
  folders: HostFolders
  keys: KeyPair
  attempts: string
  log: Logger
}

/** Attempts of one incarnation of this host: started, watched, and told of, until nobody needs them any more. */
export class HostedAttempts {
  readonly #options: HostedOptions
  readonly #log: Logger
  readonly #stop = new AbortController()
  /** What is being done for an attempt, by name; one of each at a time. */
  readonly #inHand = new Map<string, Promise<void>>()
  #draining = false

  constructor(options: HostedOptions) {
    this.#options = options
    this.#log = options.log
  }

  /** Never rejects: what can't be done now is tried again, and what never can is told. */
  async handle(message: AgentMessage): Promise<void> {
    const { attempt } = message
    switch (message.kind) {
      case 'launch':
        return this.#once(`launch ${attempt}`, () => this.#launch(message))
      case 'collect':
        return this.#once(`collect ${attempt}`, () => this.#collect(message))
      case 'signal':
        return this.#options.engine.signal(attempt, message.signal)
      case 'arrived':
        return this.#options.teller.arrived(attempt, message.sizes)
      case 'ranks':
        return this.#options.teller.ranks(attempt, await this.#options.engine.processes(attempt))
      case 'forget':
        return this.#forget(attempt)
    }
  }

  /** Takes up what an agent before this one has left here. */
  async adopt(): Promise<void> {
    const { handed, holder, engine } = this.#options
    const here = await readdir(this.#options.attempts).catch(() => [])
    const records = await handed.read(here)
    const seen = await engine.observe(here)
    for (const attempt of here) {
      const record = records.get(attempt)
      const state = seen.get(attempt)?.state
      if (record && record.incarnation !== holder.incarnation) continue
      // Not there, where Redis has forgotten it: what was started here is said once more.
      if (!record && (state === 'running' || state === 'exited'))
        await handed.move(attempt, { from: ['none'], to: 'running' }, holder)
      if (state === 'running' || state === 'exited') {
        this.#log.info({ attempt, state }, 'adopted')
        this.#watch(attempt, 'told')
      }
    }
  }

  /** Takes nothing new from now on, and gives back what has not started. */
  drain(): void {
    this.#draining = true
  }

  /** Asks all that runs to save and end. */
  async saveAll(): Promise<void> {
    const { engine } = this.#options
    await Promise.all([...(await engine.living())].map((attempt) => engine.signal(attempt, 'SIGTERM')))
  }

  /** How many attempts there still is something to do for here. What was only asked for is given back. */
  async unfinished(): Promise<number> {
    const { handed, holder, teller } = this.#options
    const mine = (await handed.all()).filter(({ incarnation }) => incarnation === holder.incarnation)
    for (const { attempt, state } of mine) {
      if (state !== 'asked') continue
      await handed.move(attempt, { from: ['asked'], to: 'over', detail: this.#drained() }, holder)
      await teller.moved(attempt)
    }
    return mine.filter(({ state }) => state !== 'revoked').length
  }

  /** Lets everything be: what runs goes on, and is adopted by the next agent. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#inHand.values())
  }

  async #launch({ attempt, order, sealed }: LaunchMessage): Promise<void> {
    const { handed, holder, engine, keys } = this.#options
    const taken = await this.#retrying(() =>
      handed.move(attempt, { from: ['asked', 'bringing'], to: 'bringing' }, holder),
    )
    const isStarted = taken.now?.state === 'running' && taken.now.incarnation === holder.incarnation
    if (!taken.ok && !isStarted) return // it was taken back, or is over
    if (isStarted && (await readClaim(engine.directory(attempt)))) return
    if (this.#draining && !isStarted) return this.#end(attempt, this.#drained(), 'before its start')
    const text = open(sealed, keys, `${attempt} ${holder.incarnation}`)
    if (text === null) return this.#askAgain(attempt) // it was sealed for the agent before
    try {
      const { env, secrets } = SealedPart.parse(JSON.parse(text))
      const job = await this.#bring(order, isStarted)
      if (job === null) return
      const moved = await this.#retrying(() =>
        handed.move(attempt, { from: ['bringing', 'running'], to: 'running' }, holder),
      )
      if (!moved.ok) return
      await engine.launch({ job, env: { ...env, ...workerEnv() }, secrets })
      void this.#options.teller.moved(attempt).catch(() => {})
      this.#watch(attempt, 'new', secrets)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#log.error({ err: error, attempt }, 'launch failed')
      if ((await engine.revoke(attempt)) === 'running') return this.#watch(attempt, 'told')
      await this.#end(attempt, failedToStart(attempt, holder.host, error), 'before its start')
    }
  }

  /** Brings code and inputs, however long the store takes; null when it was revoked meanwhile. */
  async #bring(order: JobOrder, isStarted: boolean): Promise<JobFile | null> {
    const { store, folders, address, handed, holder } = this.#options
    checkData(order, holder.host)
    let revoked = false
    const job = await withRetries(() => (revoked ? null : prepare(store, folders, { ...order, store: address })), {
      signal: this.#stop.signal,
      retry: async (error) => {
        if (!(error instanceof OrchestrateError) || !error.code.startsWith('STORE_')) return false
        this.#log.warn({ err: error, attempt: order.attempt }, 'the store is in the way; trying again')
        if (isStarted) return true
        const detail = `${holder.host}: ${error.message}; trying again`
        revoked = !(await handed.move(order.attempt, { from: ['bringing'], to: 'bringing', detail }, holder)).ok
        return true
      },
    })
    return job
  }

  async #askAgain(attempt: string): Promise<void> {
    const { handed, holder, teller } = this.#options
    await this.#retrying(() => handed.move(attempt, { from: ['asked', 'bringing'], to: 'none' }, holder))
    await teller.moved(attempt)
  }

  #watch(attempt: string, before: 'new' | 'told', secrets?: Record<string, string>): void {
    void this.#once(`watch ${attempt}`, async () => {
      const { engine, teller } = this.#options
      const directory = engine.directory(attempt)
      await teller.follow(attempt, directory, formsOf(secrets ?? (await secretsIn(directory))), before)
      await this.#retrying(() => engine.ended(attempt, this.#stop.signal))
      const seen = (await engine.observe([attempt])).get(attempt)
      const exit = seen?.state === 'exited' ? seen.exit : null
      const end = exit === null ? await this.#lostWithBoot(attempt) : null
      await this.#end(attempt, overDetail({ exit, end }), 'after its start')
    })
  }

  /** What ran before this machine was started anew was lost with it: that is nobody's crash. */
  async #lostWithBoot(attempt: string): Promise<EngineEnd | null> {
    const { engine, holder } = this.#options
    const claim = await readClaim(engine.directory(attempt)).catch(() => null)
    if (claim === null || typeof claim !== 'object' || !('boot' in claim) || claim.boot === bootId()) return null
    return { kind: 'nodeLost', message: `was lost when ${holder.host} was started anew`, nodes: [] }
  }

  async #end(attempt: string, detail: string, when: 'before its start' | 'after its start'): Promise<void> {
    const { handed, holder, teller, engine } = this.#options
    const from =
      when === 'after its start' ? (['running', 'none'] as const) : (['asked', 'bringing', 'running'] as const)
    await this.#retrying(() => handed.move(attempt, { from: [...from], to: 'over', detail }, holder))
    await this.#retrying(() => teller.moved(attempt))
    await teller.follow(attempt, engine.directory(attempt), [], 'new')
    teller.over(attempt)
    this.#log.info({ attempt }, 'over')
  }

  /** Takes its outputs into the store, however long that takes, and says so in its record. */
  async #collect({ attempt, prefix, outputs, metrics, summary, device }: CollectMessage): Promise<void> {
    const { handed, holder, engine, store, teller } = this.#options
    const record = (await this.#retrying(() => handed.read([attempt]))).get(attempt)
    if (record?.state !== 'over' || record.incarnation !== holder.incarnation) return
    const over = parseOver(record.detail)
    let collected: OverDetail['collected'] = true
    try {
      const directory = engine.directory(attempt)
      await withRetries(() => collectOutputs(store, { directory, prefix, outputs, metrics, summary, device }), {
        signal: this.#stop.signal,
        retry: async (error) => {
          this.#log.warn({ err: error, attempt }, 'outputs not collected')
          return !(error instanceof OrchestrateError) || error.exit !== 2
        },
      })
    } catch (error) {
      if (this.#stop.signal.aborted || !(error instanceof OrchestrateError)) return
      collected = { code: error.code, message: error.message }
    }
    const detail = JSON.stringify({ ...over, collected })
    await this.#retrying(() => handed.move(attempt, { from: ['over'], to: 'over', detail }, holder))
    await this.#retrying(() => teller.moved(attempt))
  }

  async #forget(attempt: string): Promise<void> {
    const { engine, teller, folders } = this.#options
    const state = (await engine.observe([attempt])).get(attempt)?.state
    if (state === 'running' || state === 'unknown') return
    teller.drop(attempt)
    await engine.forget(attempt)
    for (const cache of [folders.code, folders.cache]) await cache.letGo(attempt)
  }

  #drained(): string {
    const message = `could not start on ${this.#options.holder.host}, which drains`
    return overDetail({ exit: null, end: { kind: 'preempted', message, nodes: [] } })
  }

  #retrying<T>(work: () => Promise<T>): Promise<T> {
    return withRetries(work, { signal: this.#stop.signal, retry: async () => true })
  }

  async #once(name: string, work: () => Promise<void>): Promise<void> {
    if (this.#inHand.has(name) || this.#stop.signal.aborted) return
    const done = work()
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#log.error({ err: error, doing: name }, 'not done')
      })
      .finally(() => this.#inHand.delete(name))
    this.#inHand.set(name, done)
    await done
  }
}

/** The end of what could not be started: its code tells whose fault that is. */
function failedToStart(attempt: string, host: string, error: unknown): string {
  const now = Date.now()
  const exit: AttemptExit = {
    attempt,
    cause: 'launcher',
    firstBad: null,
    ranks: [],
    peakMemory: null,
    nodes: [host],
    startedAt: now,
    endedAt: now,
    message: `could not start on ${host}: ${(error as Error).message}`,
    code: error instanceof OrchestrateError ? error.code : 'LAUNCH_FAILED',
  }
  return overDetail({ exit, end: null })
}

/** Data that a pipeline names by a folder must be on every host that may need it. */
function checkData({ inputs }: JobOrder, host: string): void {
  for (const [name, input] of Object.entries(inputs)) {
    if (input === null || !('kind' in input) || input.kind !== 'data' || isAddress(input.path)) continue
    if (!existsSync(input.path))
      throw new OrchestrateError(
        'INPUT_NOT_FOUND',
        `input ${name} is ${input.path}, which is not on ${host}: put it there, or name it by an address`,
      )
  }
}

async function secretsIn(directory: string): Promise<Record<string, string>> {
  const text = await readFile(join(directory, 'secrets.json'), 'utf8').catch(() => '{}')
  return JSON.parse(text) as Record<string, string>
}
