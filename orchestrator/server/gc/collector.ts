import { OrchestrateError } from '../../errors.ts'
import { readArtifact } from '../../store/artifacts.ts'
import { concurrently } from '../../store/concurrently.ts'
import type { Control } from '../../store/control.ts'
import { storeTime } from '../../store/control.ts'
import { layout } from '../../store/layout.ts'
import {
  coversArtifact,
  type Garbage,
  listMarks,
  type Mark,
  mark,
  nameOf,
  readMark,
  type Subject,
  unmark,
} from '../../store/marks.ts'
import { listPins, type Pin } from '../../store/pins.ts'
import { remove } from '../../store/remove.ts'
import type { Store } from '../../store/store.ts'
import { listJobs, rememberingReader, survey } from '../../store/survey.ts'
import { type Ages, judge } from './judge.ts'
import type { JobNeeds } from './needs.ts'

export type Tools = {
  store: Store
  control: Pick<Control, 'stillOwner'>
  /** What the control plane needs of a job just now, or null where it knows nothing of it. */
  needs: (job: string) => JobNeeds | null
  /** Whether a run's pins count: not when it is known to be over. */
  counts: (run: string, pin: Pin) => boolean
}

export type Options = {
  ages: Ages
  /** Milliseconds between the mark of something and its deletion. */
  grace: number
}

/** What becomes of one thing in a pass: marked, left until its grace is over, deleted, or needed again. */
export type Decision = Garbage & { action: 'mark' | 'wait' | 'delete' | 'take back'; markedAt: number | null }

/** `skipped`: jobs of which something can't be read, with what it is; nothing of them is touched. */
export type Pass = { decisions: Decision[]; skipped: { job: string; problem: string }[]; now: number }

const JOBS_AT_ONCE = 4

/**
 * The collector of a store, of which its control plane has one. What it finds to be garbage it marks; what was marked at
 * least a grace ago it deletes in a later pass, if by then it is garbage still: pins and attempts are looked at again.
 */
export class Collector {
  readonly #tools: Tools
  readonly #read: ReturnType<typeof rememberingReader>
  readonly #closed = new AbortController()
  #last: Promise<unknown> = Promise.resolve()

  constructor(tools: Tools) {
    this.#tools = tools
    this.#read = rememberingReader(tools.store)
  }

  /** What a pass would do; changes nothing. */
  plan(options: Options): Promise<Pass> {
    return this.#alone(() => this.#decide(options, async () => {}))
  }

  /** One pass. */
  pass(options: Options): Promise<Pass> {
    return this.#alone(() => this.#decide(options, (decision) => this.#carryOut(decision)))
  }

  /**
   * Takes back the marks on artifacts of jobs that a run has just pinned, unless their deletion has begun: nothing is made
   * again that is still there. Waits for a pass that is under way only where there is a mark.
   */
  async settle(jobs: readonly string[]): Promise<void> {
    const { store } = this.#tools
    const marked = (await concurrently(jobs, async (job) => ((await readMark(store, job)) ? [job] : []))).flat()
    if (marked.length === 0) return
    await this.#alone(async () => {
      await this.#mayDelete()
      await concurrently(marked, async (job) => {
        const [found, artifact] = [await readMark(store, job), await readArtifact(store, job)]
        if (found && artifact && coversArtifact(found, artifact.fences)) await unmark(store, found.subject)
      })
    })
  }

  /** Takes the pointer to an artifact that is not whole away; one that other fences have made since stays. */
  async discard(job: string, fences: readonly number[]): Promise<void> {
    const { store } = this.#tools
    await this.#alone(async () => {
      const artifact = await readArtifact(store, job)
      if (artifact?.fences.join() !== fences.join()) return
      await this.#mayDelete()
      await store.delete(layout.artifact(job))
    })
  }

  /** Deletes a job's artifact now, with its checkpoints, unless something needs it. Says which. */
  async evict(job: string): Promise<'deleted' | 'absent' | 'needed'> {
    const { store, needs } = this.#tools
    return this.#alone(async () => {
      const artifact = await readArtifact(store, job)
      if (artifact === null) return 'absent'
      const subject: Subject = { kind: 'artifact', job, upTo: artifact.fences }
      // Marked before the pins are read: whoever pins later finds the mark, and waits.
      await mark(store, { subject, why: 'somebody asked for it', objects: 0, bytes: 0 })
      if (needs(job)?.wanted === true || (await this.#pinned()).has(job)) {
        await unmark(store, subject)
        return 'needed'
      }
      await remove(store, subject, () => this.#mayDelete())
      return 'deleted'
    })
  }

  /** Breaks off a pass that is under way, wherever that is: the next one goes on from there. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#last
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  async #decide({ ages, grace }: Options, act: (decision: Decision) => Promise<void>): Promise<Pass> {
    const { store, needs } = this.#tools
    // In this order: whoever pins after the pins were read finds the mark of what is deleted now.
    const marks = Map.groupBy(await listMarks(store), ({ subject }) => subject.job)
    const pinned = await this.#pinned()
    const now = await storeTime(store)
    const jobs = new Set([...(await listJobs(store)), ...marks.keys()])
    const skipped: Pass['skipped'] = []
    const decisions = await concurrently(
      jobs,
      async (job) => {
        const made: Decision[] = []
        try {
          const found = await survey(store, job, this.#read)
          const facts = { needs: needs(job), pinned: pinned.has(job), marks: marks.get(job) ?? [], now, ages }
          this.#closed.signal.throwIfAborted()
          for (const decision of decide(judge(found, facts), facts.marks, now, grace)) {
            await act(decision)
            made.push(decision)
          }
        } catch (error) {
          if (!(error instanceof OrchestrateError) || error.code !== 'STORE_CORRUPT') throw error
          skipped.push({ job, problem: error.message })
        }
        return made
      },
      JOBS_AT_ONCE,
    )
    return { decisions: decisions.flat(), skipped, now }
  }

  async #pinned(): Promise<Set<string>> {
    const pins = await listPins(this.#tools.store)
    return new Set([...pins].flatMap(([run, pin]) => (this.#tools.counts(run, pin) ? pin.jobs : [])))
  }

  async #carryOut(decision: Decision): Promise<void> {
    const { store } = this.#tools
    const { action, markedAt: _, ...garbage } = decision
    switch (action) {
      case 'mark':
        return mark(store, garbage)
      case 'wait':
        return
      case 'delete':
        return remove(store, garbage.subject, () => this.#mayDelete())
      case 'take back':
        await this.#mayDelete()
        return unmark(store, garbage.subject)
    }
  }

  async #mayDelete(): Promise<void> {
    this.#closed.signal.throwIfAborted()
    if (await this.#tools.control.stillOwner()) return
    throw new OrchestrateError(
      'STORE_OWNED',
      `another control plane has taken ${this.#tools.store.url}: it collects now`,
    )
  }
}

/** What to do about the garbage and the marks of one job. */
function decide(garbage: readonly Garbage[], marks: readonly Mark[], now: number, grace: number): Decision[] {
  const before = new Map(marks.map((one) => [nameOf(one.subject), one]))
  const still = new Set(garbage.map(({ subject }) => nameOf(subject)))
  const backs = marks.filter(({ subject }) => !still.has(nameOf(subject)))
  return [
    ...backs.map((one): Decision => ({ ...one, action: 'take back' })),
    ...garbage.map((one): Decision => {
      const markedAt = before.get(nameOf(one.subject))?.markedAt ?? null
      // Stores that tell whole seconds in one answer and parts of them in another may make a mark look young by one.
      const age = markedAt === null ? null : Math.max(0, now - markedAt)
      const action = age === null ? 'mark' : age >= grace ? 'delete' : 'wait'
      return { ...one, action, markedAt }
    }),
  ]
}
