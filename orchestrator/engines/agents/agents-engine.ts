import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { OrchestrateError } from '../../errors.ts'
import { AgentHosts } from '../../ledger/agents/agent-hosts.ts'
import { type Handed, HandedAttempts } from '../../ledger/agents/handed.ts'
import { Listening, type Told } from '../../ledger/agents/told.ts'
import type { Capacity } from '../../ledger/capacity.ts'
import type { RedisLink } from '../../ledger/connect-redis.ts'
import { limits } from '../../limits.ts'
import { HostQueues } from '../../queue/host-queue.ts'
import { hasCode } from '../attempt-directory.ts'
import type { Collecting, Engine, Launch, Observation, RankProcess, Signal } from '../engine.ts'
import { HostKeeper, isPart, type KnownHost } from './keep-hosts.ts'
import { type AgentMessage, type OverDetail, overDetail, parseOver, Ranks, type SealedPart, Sizes } from './messages.ts'
import { Mirror } from './mirror.ts'
import { seal } from './seal.ts'
import { Waiters } from './waiters.ts'

/** How an attempt ended, once all its files have arrived. */
const OVER = 'over.json'
/** Ends that are kept in memory; the others are read again. */
const REMEMBERED = 2000

export type AgentsEngineOptions = {
  pool: string
  stateDir: string
  redis: RedisLink
  capacity: Capacity
  /** Milliseconds without a sign of life after which a host is lost. */
  silence: number
  /** Whether anybody still waits for something of an attempt: its end, its outputs. */
  needed(attempt: string): boolean
  /** Something happened to an attempt that nobody waits for here. */
  touched(attempt: string): void
  /** Hosts came, went, or changed. */
  hostsChanged(): Promise<void>
  log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/**
 * Has attempts run by agents on other hosts, of which it knows only through Redis. What they say arrives in a mirror of
 * their directories; how they end is known here when all of it has arrived.
 */
export class AgentsEngine implements Engine {
  readonly kind = 'agents'
  readonly writes = 'told'
  readonly metrics: string
  readonly #options: AgentsEngineOptions
  readonly #mirror: Mirror
  readonly #hosts: AgentHosts
  readonly #handed: HandedAttempts
  readonly #queues: HostQueues<AgentMessage>
  readonly #keeper: HostKeeper
  readonly #waiters = new Waiters()
  readonly #over = new Map<string, OverDetail>()
  /** What this process has asked agents to start, until they have: to be asked again should that get lost. */
  readonly #asked = new Map<string, { launch: Launch; at: number }>()
  /** When an agent was last told what had arrived of an attempt. */
  readonly #answered = new Map<string, number>()
  /** Who waits to hear how the ranks of an attempt are. */
  readonly #looking = new Map<string, ((ranks: RankProcess[] | null) => void)[]>()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>[] = []

  constructor(options: AgentsEngineOptions) {
    const { pool, stateDir, redis, silence, log } = options
    this.#options = options
    this.metrics = resolve(stateDir, 'job-metrics')
    this.#mirror = new Mirror(resolve(stateDir, 'attempts'))
    this.#hosts = new AgentHosts(redis, pool)
    this.#handed = new HandedAttempts(redis, pool)
    this.#queues = new HostQueues(redis, pool, log)
    this.#keeper = new HostKeeper({
      hosts: this.#hosts,
      silence,
      lost: async ({ host }, attempts) => {
        log.warn({ pool, host, attempts }, 'a host is silent and counts as lost; what it ran is placed again')
        for (const attempt of attempts) await this.#settle(attempt)
      },
    })
  }

  /** Begins to look after the pool. Resolves after the first look at who is there. */
  async start(): Promise<void> {
    await this.#keeper.look()
    this.#running.push(this.#again(limits.agents.look, () => this.#look()))
  }

  /** Begins to take what agents tell. For one engine of a pool and a state directory at a time. */
  listen(): void {
    this.#running.push(this.#listen())
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
    await this.#queues.close()
  }

  /** Its hosts, as of the last look. */
  hosts(): KnownHost[] {
    return this.#keeper.list()
  }

  directory(attempt: string): string {
    return this.#mirror.directory(attempt)
  }

  async launch(launch: Launch): Promise<void> {
    const { attempt } = launch.job
    if (await this.#overOf(attempt)) return
    const { pool, capacity } = this.#options
    const place = await capacity.reservation(pool, attempt)
    if (!place) throw new Error(`${attempt} has nothing reserved in pool ${pool}`)
    const known = await this.#hosts.find(place.host)
    const holder = { host: place.host, incarnation: known?.incarnation ?? '-' }
    const message = `could not start on ${place.host}, which takes no more work`
    const otherwise = overDetail({ exit: null, end: { kind: 'nodeLost', message, nodes: [] } })
    const handed = await this.#handed.hand(attempt, holder, otherwise)
    if (handed.state === 'over' && handed.detail === otherwise) await this.#settle(attempt)
    if (handed.state !== 'asked' || handed.incarnation !== known?.incarnation) return
    const { incarnation, facts } = known
    const sealed = seal(JSON.stringify(sealedOf(launch)), facts.publicKey, `${attempt} ${incarnation}`)
    this.#asked.set(attempt, { launch, at: Date.now() })
    const order: AgentMessage = { kind: 'launch', attempt, incarnation, order: launch.job, sealed }
    await this.#queues.send(place.host, order, `launch-${attempt}-${facts.publicKey.slice(-12)}`)
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    const seen = new Map<string, Observation>()
    const open: string[] = []
    for (const attempt of attempts) {
      const over = await this.#overOf(attempt)
      if (over) seen.set(attempt, { state: 'exited', exit: over.exit, end: over.end })
      else open.push(attempt)
    }
    try {
      const handed = await this.#handed.read(open)
      for (const attempt of open) seen.set(attempt, this.#observation(attempt, handed.get(attempt)))
    } catch (error) {
      this.#options.log.warn({ err: error }, 'attempts could not be observed')
      for (const attempt of open) seen.set(attempt, { state: 'unknown' })
    }
    return seen
  }

  #observation(attempt: string, handed: Handed | undefined): Observation {
    if (!handed || handed.state === 'asked') {
      // After a restart nobody here has the order any more: it is to be launched again.
      if (!this.#asked.has(attempt)) return { state: 'unclaimed' }
      return { state: 'queued', why: `waits for the agent of ${handed?.host ?? 'its host'}`, startsAt: null }
    }
    const { host, detail } = handed
    switch (handed.state) {
      case 'bringing':
        return { state: 'queued', why: detail || `${host} brings its code and inputs`, startsAt: null }
      case 'revoked':
        return { state: 'revoked' }
      case 'running':
      case 'over': // of which something is still on its way
        return { state: 'running', nodes: [host] }
    }
  }

  async living(): Promise<Set<string>> {
    const handed = await this.#handed.all()
    return new Set(handed.filter(({ state }) => state === 'running').map(({ attempt }) => attempt))
  }

  async signal(attempt: string, signal: Signal): Promise<void> {
    if (await this.#overOf(attempt)) return
    const handed = (await this.#handed.read([attempt])).get(attempt)
    if (handed?.state === 'running') await this.#queues.send(handed.host, { kind: 'signal', attempt, signal })
  }

  /** Its agent looks; null where that doesn't answer. */
  async processes(attempt: string): Promise<RankProcess[] | null> {
    const handed = (await this.#handed.read([attempt])).get(attempt)
    if (handed?.state !== 'running') return null
    const answer = Promise.withResolvers<RankProcess[] | null>()
    this.#looking.set(attempt, [...(this.#looking.get(attempt) ?? []), answer.resolve])
    await this.#queues.send(handed.host, { kind: 'ranks', attempt })
    return Promise.race([answer.promise, pause(limits.agents.answer, null, { signal: this.#stop.signal, ref: false })])
  }

  async revoke(attempt: string): Promise<'revoked' | 'running' | 'exited'> {
    if (await this.#overOf(attempt)) return 'exited'
    const { ok, now } = await this.#handed.move(attempt, { from: ['none', 'asked', 'bringing'], to: 'revoked' }, null)
    this.#asked.delete(attempt)
    this.#waiters.wake(attempt)
    if (ok || now?.state === 'revoked') return 'revoked'
    return now?.state === 'over' ? 'exited' : 'running'
  }

  async started(attempt: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const woken = this.#waiters.wait(attempt, signal)
      const state = (await this.observe([attempt])).get(attempt)?.state
      if (state !== 'queued' && state !== 'unclaimed' && state !== 'unknown') return this.#waiters.cancel(woken)
      await woken.promise
    }
  }

  async ended(attempt: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const woken = this.#waiters.wait(attempt, signal)
      const state = (await this.observe([attempt])).get(attempt)?.state
      if (state === 'exited' || state === 'revoked') return this.#waiters.cancel(woken)
      await woken.promise
    }
  }

  /** Has the attempt's host take its outputs into the store. */
  async collect(attempt: string, finished: Collecting): Promise<'collected' | 'under way'> {
    const handed = (await this.#handed.read([attempt])).get(attempt)
    const host = handed && this.#keeper.list().find((one) => one.host === handed.host)
    const gone = host !== undefined && (host.incarnation !== handed?.incarnation || !isPart(host))
    if (handed?.state !== 'over' || gone)
      throw new OrchestrateError('OUTPUT_LOST', `the outputs of ${attempt} were lost with their host`)
    const { collected } = parseOver(handed.detail)
    if (collected === true) return 'collected'
    if (collected !== null) throw new OrchestrateError(collected.code, collected.message)
    await this.#queues.send(handed.host, { kind: 'collect', attempt, ...finished }, `collect-${attempt}`)
    return 'under way'
  }

  async forget(attempt: string): Promise<void> {
    await this.#letGo(attempt)
    this.#over.delete(attempt)
    await rm(this.directory(attempt), { recursive: true, force: true })
  }

  /** Forgets it in Redis and on its host; what it has told stays. */
  async #letGo(attempt: string): Promise<void> {
    const handed = (await this.#handed.read([attempt])).get(attempt)
    if (handed && handed.state !== 'over' && handed.state !== 'revoked')
      throw new Error(`${attempt} is ${handed.state}: can't be forgotten`)
    const { incarnation } = this.#keeper.list().find(({ host }) => host === handed?.host) ?? {}
    if (handed && handed.incarnation === incarnation)
      await this.#queues.send(handed.host, { kind: 'forget', attempt }, `forget-${attempt}`)
    await this.#handed.move(attempt, { from: ['over', 'revoked'], to: 'none' }, null)
    this.#mirror.release(attempt)
    this.#answered.delete(attempt)
  }

  async #look(): Promise<void> {
    try {
      await this.#lookAtHosts()
      await this.#sweep()
    } catch (error) {
      this.#keeper.missed()
      throw error
    }
  }

  async #lookAtHosts(): Promise<void> {
    if (await this.#keeper.look()) await this.#options.hostsChanged()
  }

  /** What was asked and had no answer is asked again; what nobody needs any more is forgotten, here and there. */
  async #sweep(): Promise<void> {
    const hosts = new Map(this.#keeper.list().map((host) => [host.host, host]))
    const records = new Map((await this.#handed.all()).map((handed) => [handed.attempt, handed]))
    await this.#askAgain(records)
    for (const { attempt, state, host, incarnation } of records.values()) {
      if (state !== 'asked' && state !== 'bringing') this.#waiters.wake(attempt) // should nobody have told
      const holder = hosts.get(host)
      const isThere = holder !== undefined && holder.incarnation === incarnation && isPart(holder)
      if (state === 'over' && !(await this.#overOf(attempt))) {
        if (isThere) await this.#answer(attempt, host, limits.agents.askAgain)
        else await this.#settle(attempt) // what has not arrived never will
      } else if ((state === 'over' || state === 'revoked') && !this.#options.needed(attempt)) {
        await this.#letGo(attempt)
      }
    }
  }

  /** What was asked of an agent, and got lost on the way, or was sealed for the agent before it. */
  async #askAgain(records: Map<string, Handed>): Promise<void> {
    const now = Date.now()
    for (const [attempt, { launch, at }] of this.#asked) {
      const state = records.get(attempt)?.state
      if (state !== undefined && state !== 'asked' && state !== 'bringing') this.#asked.delete(attempt)
      else if (now - at > (state === undefined ? limits.agents.look : limits.agents.askAgain) && state !== 'bringing')
        await this.launch(launch)
    }
  }

  async #listen(): Promise<void> {
    const listening = new Listening(this.#options.redis, this.#options.pool)
    const abort = () => void listening.close()
    this.#stop.signal.addEventListener('abort', abort, { once: true })
    await this.#again(0, async () => {
      const hosts = this.#keeper.list().map(({ host }) => host)
      if (hosts.length === 0) await pause(limits.agents.look, undefined, { signal: this.#stop.signal })
      else await listening.take(hosts, (host, told) => this.#take(host, told))
    })
  }

  async #take(host: string, told: Told): Promise<void> {
    const { attempt } = told
    switch (told.kind) {
      case 'bytes':
        if (await this.#overOf(attempt)) return
        if ((await this.#mirror.write(told)) === 'gap') await this.#answer(attempt, host, 1000)
        return
      case 'ask':
        return this.#answer(attempt, host, 0)
      case 'moved':
        this.#waiters.wake(attempt)
        if (await this.#overOf(attempt)) this.#options.touched(attempt)
        return
      case 'ranks':
        for (const answer of this.#looking.get(attempt) ?? []) answer(Ranks.parse(JSON.parse(told.ranks)))
        this.#looking.delete(attempt)
        return
      case 'complete': {
        const arrived = await this.#mirror.sizes(attempt)
        const expected = Object.entries(Sizes.parse(JSON.parse(told.sizes)))
        const whole = expected.every(([file, [version, size]]) => {
          const [there, bytes] = arrived[file] ?? ['', 0]
          return there === version && bytes >= size
        })
        return whole ? this.#settle(attempt) : this.#answer(attempt, host, 1000)
      }
    }
  }

  /** Says how much has arrived of an attempt's files, unless that was said within the last `ms`. */
  async #answer(attempt: string, host: string, ms: number): Promise<void> {
    const now = Date.now()
    if (now - (this.#answered.get(attempt) ?? 0) < ms) return
    this.#answered.set(attempt, now)
    await this.#queues.send(host, { kind: 'arrived', attempt, sizes: await this.#mirror.sizes(attempt) })
  }

  /** Its record says how it ended, and all of it is here that ever will be. */
  async #settle(attempt: string): Promise<void> {
    if (await this.#overOf(attempt)) return
    const handed = (await this.#handed.read([attempt])).get(attempt)
    if (handed?.state !== 'over') return
    const over = parseOver(handed.detail)
    // A host that ends what it has takes no more: told before the attempt is over, or it would be placed there again.
    if (over.end?.kind === 'nodeLost' || over.exit?.cause === 'signal') await this.#lookAtHosts()
    await this.#mirror.put(attempt, OVER, JSON.stringify({ ...over, collected: null }))
    this.#remember(attempt, over)
    this.#asked.delete(attempt)
    this.#waiters.wake(attempt)
  }

  #remember(attempt: string, over: OverDetail): void {
    this.#over.set(attempt, over)
    const [oldest = ''] = this.#over.size > REMEMBERED ? this.#over.keys() : []
    this.#over.delete(oldest)
  }

  async #overOf(attempt: string): Promise<OverDetail | null> {
    const known = this.#over.get(attempt)
    if (known) return known
    try {
      const over = parseOver(await readFile(join(this.directory(attempt), OVER), 'utf8'))
      this.#remember(attempt, over)
      return over
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null
      throw error
    }
  }

  async #again(ms: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await work()
        if (ms > 0) await pause(ms, undefined, { signal })
      } catch (error) {
        if (signal.aborted) return
        this.#options.log.warn({ err: error, pool: this.#options.pool }, 'agents can not be heard; trying again')
        await pause(limits.agents.look, undefined, { signal }).catch(() => {})
      }
    }
  }
}

/** What only the agent may read. Credentials for the store aren't sent at all: a host has its own. */
const sealedOf = ({ env, secrets }: Launch): SealedPart => ({
  env: Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AWS_'))),
  secrets,
})
