import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import { Ledger } from '../../ledger/ledger.ts'
import { restarted } from '../../ledger/redis-errors.ts'
import { listJournals } from '../../store/journal.ts'
import type { Findings } from '../api.ts'
import { abandonLost, observeAttempts, type Seen } from './abandon.ts'
import { adoptAttempts } from './adopt.ts'
import { conductRun } from './conduct-run.ts'
import { type Context, capacityAggregate } from './context.ts'
import { endStrays } from './end-strays.ts'
import { everything } from './look.ts'
import { giveBackOrphans, reconcile } from './reconcile.ts'
import { compareWithMemory, compareWithStore } from './restore.ts'

/** How many findings are remembered. */
const REMEMBERED = 10

/**
 * Makes Redis agree with what was acknowledged, whenever it may not: at the daemon's start, and when Redis was started
 * anew under it. The ledger and capacity write to no server but the one compared last, so nothing is placed meanwhile.
 */
export class Recovery {
  /** Newest first. */
  readonly findings: Findings[] = []
  readonly #context: () => Context
  #running: Promise<Findings> | null = null
  #started = false

  constructor(context: () => Context) {
    this.#context = context
  }

  /** Whether the ledger is whole and read. */
  get isStarted(): boolean {
    return this.#started
  }

  /** For a control plane that knows nothing yet. Nobody else looks at anything meanwhile. */
  async start(): Promise<void> {
    const context = this.#context()
    const { aggregates, journal, redis } = context
    const began = Date.now()
    const known = await this.#isKnown()
    const compared = known ? null : await compareWithStore(context)
    faultPoint('ledger-restored')
    await aggregates.load()
    await journal.inherit()
    let fences = { fences: 0, adopted: 0 }
    if (compared) {
      // A want that got lost is found again before its attempt is.
      for (const run of aggregates.runs.values()) await conductRun(context, run.submitted.run)
      fences = await adoptAttempts(context)
    }
    const seen = await abandonLost(context)
    const strays = compared ? await endStrays(context) : 0
    const reservations = await reconcile(context)
    await this.#remember(redis.compared)
    if (compared && compared.store + compared.ledger + strays > 0)
      this.#found({ cause: 'start', began, ...compared, ...fences, ...counts(seen), strays, reservations })
    this.#started = true
  }

  /** Redis was started anew, or has lost what it had: resolves when it has everything again. */
  again(): Promise<Findings> {
    this.#running ??= this.#again().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #again(): Promise<Findings> {
    const context = this.#context()
    const { redis, commands } = context
    if (!this.#started) throw restarted(redis.shown)
    const began = Date.now()
    const server = await redis.runId()
    context.log.warn({ server }, 'Redis was started anew: its ledger is compared')
    const compared = await compareWithMemory(context, new Ledger({ ...redis, compared: server }))
    const reservations = await reconcile(context)
    const seen = await observeAttempts(context)
    await this.#remember(server)
    redis.compared = server
    await commands.clear()
    await commands.sendAll(everything(context))
    return this.#found({
      cause: 'restart',
      began,
      ...compared,
      fences: 0,
      adopted: 0,
      ...counts(seen),
      strays: 0,
      reservations,
    })
  }

  /** Somebody wants to know: the same, and fences and engines besides. */
  async asked(): Promise<Findings> {
    const context = this.#context()
    await this.#running
    const began = Date.now()
    const compared = await compareWithMemory(context, context.ledger)
    const journals = await Promise.all([listJournals(context.store, 'job'), listJournals(context.store, 'run')])
    const store = journals.flat().length
    if (store === 0 && compared.ledger === 0)
      throw new OrchestrateError('STORE_EMPTY', `${context.store.url} has no journal of any job or run`)
    const fences = await adoptAttempts(context)
    const seen = await observeAttempts(context)
    let givenBack = 0
    for (const capacity of context.pools.byCapacity().keys())
      await context.commands.sweep([capacityAggregate(capacity)], async () => {
        givenBack += await giveBackOrphans(context, capacity)
      })
    await context.commands.sendAll(everything(context))
    return this.#found({
      cause: 'asked',
      began,
      ...compared,
      store,
      ...fences,
      ...counts(seen),
      strays: 0,
      reservations: { restored: 0, givenBack },
    })
  }

  /** Says in our own Redis, before it ends, that it ends with everything: the next start need not compare. */
  async close(): Promise<void> {
    const { redis, control } = this.#context()
    if (this.#started) await redis.redis.set(redis.keys.compared, `closed ${control.epoch}`)
  }

  /** Whether Redis can have lost nothing since the control plane of the epoch before has compared it. */
  async #isKnown(): Promise<boolean> {
    const { redis, control } = this.#context()
    const said = await redis.redis.get(redis.keys.compared)
    const before = control.epoch - 1
    return said === `closed ${before}` || said === `${redis.compared} ${before}`
  }

  async #remember(server: string): Promise<void> {
    const { redis, control } = this.#context()
    await redis.redis.set(redis.keys.compared, `${server} ${control.epoch}`)
  }

  #found({ began, ...found }: Omit<Findings, 'at' | 'seconds'> & { began: number }): Findings {
    const findings: Findings = { at: began, seconds: (Date.now() - began) / 1000, ...found }
    this.#context().log.info({ ...findings }, 'the ledger was compared')
    this.findings.unshift(findings)
    this.findings.splice(REMEMBERED)
    return findings
  }
}

const counts = ({ running, exited, lost }: Seen): Seen => ({ running, exited, lost })
