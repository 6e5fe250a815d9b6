import type { Ledger } from '../ledger/ledger.ts'
import { applyToJob, foldJob } from '../run/fold-job.ts'
import type { Job } from '../run/job.ts'
import type { JobEvent } from '../run/job-events.ts'
import { applyToRun, foldRun, type Run, type RunEvent } from '../run/run.ts'

type Timeless<E> = E extends { at: number } ? Omit<E, 'at'> : never
export type NewJobEvent = Timeless<JobEvent>
export type NewRunEvent = Timeless<RunEvent>

/** Appends events that end an attempt and gives its reservation back, in one step. */
export type Release = { pool: string; attempt: string }

export const jobAggregate = (key: string): string => `job/${key}`
export const runAggregate = (run: string): string => `run/${run}`

/** Told of every change, once it is in the ledger. */
export type Changed = (aggregate: string, events: readonly (JobEvent | RunEvent)[]) => void

/**
 * All jobs and runs, folded and kept in memory; every change goes through the ledger first. `update` reads the present
 * state, asks what to append, and appends it only if nobody was faster; else it looks again.
 */
export class Aggregates {
  readonly jobs = new Map<string, Job>()
  readonly runs = new Map<string, Run>()
  readonly #ledger: Ledger
  readonly #changed: Changed
  readonly #stale = new Set<string>()

  constructor(ledger: Ledger, changed: Changed) {
    this.#ledger = ledger
    this.#changed = changed
  }

  async load(): Promise<void> {
    const [jobs, runs] = await Promise.all([this.#ledger.aggregates('job'), this.#ledger.aggregates('run')])
    await inBatches(jobs, async (aggregate) => this.refreshJob(aggregate.slice('job/'.length)))
    await inBatches(runs, async (aggregate) => this.refreshRun(aggregate.slice('run/'.length)))
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
        if (after) this.jobs.set(key, after)
        this.#changed(jobAggregate(key), events)
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
        if (after) this.runs.set(id, after)
        this.#changed(runAggregate(id), events)
        return after
      }
      await this.refreshRun(id)
    }
  }

  /** Reads again what an append may have changed whose answer got lost. Before each look, so that none sees old state. */
  async freshen(aggregate: string): Promise<void> {
    if (!this.#stale.has(aggregate)) return
    const [kind, name = ''] = aggregate.split('/')
    if (kind === 'job') await this.refreshJob(name)
    else await this.refreshRun(name)
  }

  async #append(aggregate: string, version: number, events: object[], release?: Release) {
    try {
      return await this.#ledger.append(aggregate, version, events, release)
    } catch (error) {
      this.#stale.add(aggregate)
      throw error
    }
  }

  async refreshJob(key: string): Promise<void> {
    const job = foldJob((await this.#ledger.read(jobAggregate(key))) as JobEvent[])
    if (job) this.jobs.set(key, job)
    this.#stale.delete(jobAggregate(key))
  }

  async refreshRun(id: string): Promise<void> {
    const run = foldRun((await this.#ledger.read(runAggregate(id))) as RunEvent[])
    if (run) this.runs.set(id, run)
    this.#stale.delete(runAggregate(id))
  }
}

async function inBatches(items: string[], work: (item: string) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 100) await Promise.all(items.slice(i, i + 100).map(work))
}
