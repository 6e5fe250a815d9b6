import { OrchestrateError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { applyToJob, foldJob } from '../run/fold-job.ts'
import type { Job } from '../run/job.ts'
import type { JobEvent } from '../run/job-events.ts'
import { applyToRun, foldRun, type Run, type RunEvent } from '../run/run.ts'
import { JobIndex } from './job-index.ts'

type Timeless<E> = E extends { at: number } ? Omit<E, 'at'> : never
export type NewJobEvent = Timeless<JobEvent>
export type NewRunEvent = Timeless<RunEvent>

/** Appends events that end an attempt and gives its reservation back, in one step. `pool` names its capacity. */
export type Release = { pool: string; attempt: string }

export const jobAggregate = (key: string): string => `job/${key}`
export const runAggregate = (run: string): string => `run/${run}`

/** Told of every change, once it is in the ledger. */
export type Changed = (aggregate: string, events: readonly (JobEvent | RunEvent)[]) => void

export type Around = {
  /** Asked before each append: throws where another control plane may append now. */
  awake: () => Promise<void>
  changed: Changed
  /** Told of every event that the ledger has and the store may not have, with its number. */
  keep: (aggregate: string, from: number, events: readonly object[]) => void
  /** Asked when the ledger has lost what it had: resolves when it has all of it again. */
  recover: () => Promise<unknown>
}

/**
 * All jobs and runs, folded and kept in memory; every change goes through the ledger first. `update` reads the present
 * state, asks what to append, and appends it only if nobody was faster; else it looks again. A ledger that has less than
 * it has acknowledged is never believed.
 */
export class Aggregates {
  readonly jobs = new Map<string, Job>()
  readonly runs = new Map<string, Run>()
  readonly index = new JobIndex()
  readonly #ledger: Ledger
  readonly #around: Around
  readonly #stale = new Set<string>()
  /** Before, what is read is an earlier control plane's, and the ledger knows what of it the store lacks. */
  #loaded = false

  constructor(ledger: Ledger, around: Around) {
    this.#ledger = ledger
    this.#around = around
  }

  async load(): Promise<void> {
    const [jobs, runs] = await Promise.all([this.#ledger.aggregates('job'), this.#ledger.aggregates('run')])
    await inBatches(jobs, async (aggregate) => this.refreshJob(aggregate.slice('job/'.length)))
    await inBatches(runs, async (aggregate) => this.refreshRun(aggregate.slice('run/'.length)))
    this.#loaded = true
  }

  async updateJob(key: string, change: (job: Job | null) => NewJobEvent[], release?: Release): Promise<Job | null> {
    for (;;) {
      const before = this.jobs.get(key) ?? null
      const events = change(before).map((event) => ({ ...event, at: Date.now() }) as JobEvent)
      if (events.length === 0) return before
      const answer = await this.#append(jobAggregate(key), before?.version ?? 0, events, release)
      if (answer.ok) {
        let after: Job | null = before
        for (const event of events) after = applyToJob(after, event)
        if (after) this.#setJob(after)
        this.#appended(jobAggregate(key), before?.version ?? 0, events)
        return after
      }
      await this.refreshJob(key)
    }
  }

  async updateRun(id: string, change: (run: Run | null) => NewRunEvent[]): Promise<Run | null> {
    for (;;) {
      const before = this.runs.get(id) ?? null
      const events = change(before).map((event) => ({ ...event, at: Date.now() }) as RunEvent)
      if (events.length === 0) return before
      const answer = await this.#append(runAggregate(id), before?.version ?? 0, events)
      if (answer.ok) {
        let after: Run | null = before
        for (const event of events) after = applyToRun(after, event)
        if (after) this.#setRun(after)
        this.#appended(runAggregate(id), before?.version ?? 0, events)
        return after
      }
      await this.refreshRun(id)
    }
  }

  isStale(aggregate: string): boolean {
    return this.#stale.has(aggregate)
  }

  /** Reads again what an append may have changed whose answer got lost. Before each look, so that none sees old state. */
  async freshen(aggregate: string): Promise<void> {
    if (this.#stale.has(aggregate)) await this.refresh(aggregate)
  }

  /** The same for all: an append that was given up may be carried out much later, by a Redis that had been silent. */
  async freshenAll(): Promise<void> {
    for (const aggregate of this.#stale) await this.refresh(aggregate)
  }

  /** Reads an aggregate again. */
  async refresh(aggregate: string): Promise<void> {
    const [kind, name = ''] = aggregate.split('/')
    if (kind === 'job') await this.refreshJob(name)
    else await this.refreshRun(name)
  }

  /** Number of events of an aggregate that are known here. */
  version(aggregate: string): number {
    const [kind, name = ''] = aggregate.split('/')
    return (kind === 'job' ? this.jobs.get(name) : this.runs.get(name))?.version ?? 0
  }

  #setJob(job: Job): void {
    const before = this.jobs.get(job.key)
    this.jobs.set(job.key, job)
    this.index.takeJob(before, job)
  }

  #setRun(run: Run): void {
    const { run: id } = run.submitted
    if (!this.runs.has(id)) this.index.takeRun(run, this.jobs)
    this.runs.set(id, run)
  }

  async #append(aggregate: string, version: number, events: object[], release?: Release): Promise<{ ok: boolean }> {
    await this.#around.awake()
    try {
      const answer = await this.#ledger.append(aggregate, version, events, release)
      if (answer.version < version) await this.#around.recover()
      return answer
    } catch (error) {
      this.#stale.add(aggregate)
      if (!(error instanceof OrchestrateError && error.code === 'REDIS_RESTARTED')) throw error
      await this.#around.recover()
      return { ok: false }
    }
  }

  #appended(aggregate: string, from: number, events: readonly (JobEvent | RunEvent)[]): void {
    this.#around.keep(aggregate, from, events)
    this.#around.changed(aggregate, events)
  }

  async refreshJob(key: string): Promise<void> {
    const events = (await this.#read(jobAggregate(key))) as JobEvent[]
    const job = foldJob(events)
    if (job) this.#setJob(job)
    this.#stale.delete(jobAggregate(key))
  }

  async refreshRun(id: string): Promise<void> {
    const events = (await this.#read(runAggregate(id))) as RunEvent[]
    const run = foldRun(events)
    if (run) this.#setRun(run)
    this.#stale.delete(runAggregate(id))
  }

  async #read(aggregate: string): Promise<object[]> {
    const events = await this.#ledger.read(aggregate)
    const known = this.version(aggregate)
    if (events.length < known)
      throw new OrchestrateError(
        'REDIS_RESTARTED',
        `Redis has ${events.length} of the ${known} events of ${aggregate}; it is being compared with the store`,
      )
    if (this.#loaded && events.length > known) this.#around.keep(aggregate, known, events.slice(known))
    return events
  }
}

async function inBatches(items: string[], work: (item: string) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 100) await Promise.all(items.slice(i, i + 100).map(work))
}
