import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { AgentMessage } from '../engines/agents/messages.ts'
import { newKeyPair } from '../engines/agents/seal.ts'
import { type HostCapacity, hostCapacity } from '../engines/host-capacity.ts'
import { LocalEngine } from '../engines/local/local.ts'
import { hostCaches, hostFolders } from '../engines/prepare/host-folders.ts'
import { prepared } from '../engines/prepare/prepare.ts'
import { standingsBy } from '../engines/prepare/standings.ts'
import { OrchestrateError } from '../errors.ts'
import { type AgentFacts, AgentHosts } from '../ledger/agents/agent-hosts.ts'
import { HandedAttempts } from '../ledger/agents/handed.ts'
import { Telling } from '../ledger/agents/told.ts'
import { connectRedis, type RedisLink } from '../ledger/connect-redis.ts'
import { limits } from '../limits.ts'
import { takeMessages } from '../queue/host-queue.ts'
import { version } from '../server/build-id.ts'
import { lockStateDir } from '../server/daemon-lock.ts'
import { namespaceOf } from '../server/open-redis.ts'
import { makeStateDir } from '../server/settings.ts'
import { type Undo, unwind } from '../server/undo.ts'
import { knownIdentity } from '../store/identity.ts'
import { openStore } from '../store/open-store.ts'
import type { Store } from '../store/store.ts'
import { abandonAll } from './abandon-all.ts'
import type { AgentSettings } from './agent-settings.ts'
import { HostedAttempts } from './hosted-attempts.ts'
import { joinPool } from './join-pool.ts'
import { Membership } from './membership.ts'
import { Teller } from './teller.ts'
import { withRetries } from './with-retries.ts'

export type Agent = {
  capacity: HostCapacity
  /** Takes nothing new, and ends when all that runs is over. Asked again, it asks what runs to save and end. */
  drain(): void
  /** Ends now; what runs goes on, and the next agent adopts it. */
  leave(): void
  /** Resolves when it has ended. */
  ended: Promise<'drained' | 'left'>
}

type Host = {
  settings: AgentSettings
  log: Logger
  store: Store
  redis: RedisLink
  engine: LocalEngine
  facts: AgentFacts
  keys: ReturnType<typeof newKeyPair>
}

/** A life of this host: from joining its pool until it is fenced, has drained, or is told to leave. */
type Life = { over: Promise<'fenced' | 'drained' | 'left'>; drain: () => void; leave: () => void }

/** Makes this host one of a pool's. Resolves when it has joined. */
export async function startAgent(settings: AgentSettings, log: Logger): Promise<Agent> {
  const undo: Undo = []
  try {
    const host = await open(settings, log, undo)
    let life = await begin(host)
    const ended = (async () => {
      try {
        for (;;) {
          const how = await life.over
          if (how !== 'fenced') return how
          log.warn('this host was silent for too long: what it ran was placed again, and has been ended here')
          life = await begin(host)
        }
      } finally {
        await unwind(undo, log)
      }
    })()
    return { capacity: host.facts.capacity, drain: () => life.drain(), leave: () => life.leave(), ended }
  } catch (error) {
    await unwind(undo, log)
    throw error
  }
}

async function open(settings: AgentSettings, log: Logger, undo: Undo): Promise<Host> {
  const { stateDir, python, cores, redisUrl } = settings
  makeStateDir(stateDir)
  undo.push(await lockStateDir(stateDir))
  const store = await openStore(settings.store)
  const identity = await knownIdentity(store)
  if (identity === null)
    throw new OrchestrateError('AGENT_STORE_OTHER', `${store.url} is no store that a control plane has used`)
  const redis = await connectRedis(redisUrl, namespaceOf(settings, identity), (error) =>
    log.warn({ err: error }, 'redis'),
  )
  undo.push(() => redis.close())
  const engine = new LocalEngine({ stateDir, python, prepare: prepared, log })
  undo.push(() => engine.close())
  engine.warmUp()
  const found = await hostCapacity()
  const capacity = { ...found, cores: cores ?? found.cores }
  const keys = newKeyPair()
  const facts = { capacity, publicKey: keys.publicKey, version, startedAt: Date.now() }
  return { settings, log, store, redis, engine, facts, keys }
}

async function begin(host: Host): Promise<Life> {
  const { settings, log, redis, engine, facts, store, keys } = host
  const { pool, host: name, stateDir } = settings
  const hosts = new AgentHosts(redis, pool)
  const handed = new HandedAttempts(redis, pool)
  const teller = new Teller(new Telling(redis, pool, name), log)
  const folder = join(stateDir, 'attempts')
  const abandon = (): Promise<void> => abandonAll(engine, folder)
  const incarnation = await joinPool({ hosts, pool, host: name, stateDir, facts, log, abandon })
  const holder = { host: name, incarnation }
  const attempts = new HostedAttempts({
    holder,
    handed,
    engine,
    teller,
    store,
    address: settings.store,
    folders: hostFolders(stateDir, settings, hostCaches(stateDir, settings, { standings: standingsBy(engine), log })),
    keys,
    attempts: folder,
    log,
  })
  const over = Promise.withResolvers<'fenced' | 'drained' | 'left'>()
  const membership = new Membership(
    { hosts, host: name, facts, log, fenced: () => over.resolve('fenced'), rejoined: () => attempts.adopt() },
    incarnation,
  )
  teller.start()
  await attempts.adopt()
  const messages = await takeMessages(
    redis,
    { pool, host: name },
    async (data) => {
      const message = AgentMessage.safeParse(data)
      if (message.success) await attempts.handle(message.data)
      else log.error({ err: message.error }, 'a message was not understood; is the control plane of another release?')
    },
    log,
  )
  membership.start()
  if (!(await hosts.isConducted()))
    log.warn({ pool, store: store.url }, 'no control plane of this store has the pool yet; waiting for one')

  const stop = new AbortController()
  let draining = false
  const drain = (): void => {
    attempts.drain()
    void membership.drain()
    if (draining) return void attempts.saveAll()
    draining = true
    void untilFinished(attempts, log, stop.signal)
      .then(() => hosts.leave(name, incarnation, ''))
      .then(() => over.resolve('drained'))
      .catch(() => {}) // it ends in another way
  }
  const ended = over.promise.then(async (how) => {
    stop.abort()
    await membership.stop()
    await messages.close()
    await attempts.stop()
    await teller.stop()
    return how // of one that was fenced, joining again ends what is left
  })
  return { over: ended, drain, leave: () => over.resolve('left') }
}

/** Nothing runs here, and nobody needs anything of what ran. */
async function untilFinished(attempts: HostedAttempts, log: Logger, over: AbortSignal): Promise<void> {
  await withRetries(
    async () => {
      while ((await attempts.unfinished()) > 0) await pause(limits.agents.look, undefined, { signal: over })
    },
    {
      signal: over,
      retry: async (error) => {
        log.warn({ err: error }, 'what is still to be done is not known; asking again')
        return true
      },
    },
  )
}
