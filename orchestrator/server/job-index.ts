import { isOver, type Job } from '../run/job.ts'
import type { Run } from '../run/run.ts'
import { LineUp } from './line-up.ts'

/**
 * What is asked of jobs and runs at every step, kept up to date with each of their changes: no step has to walk through all
 * of them, however many there are or have been.
 */
export class JobIndex {
  /** Jobs that are not over. */
  readonly unfinished = new Map<string, Job>()
  /** Jobs of which an attempt was lost with a node that is known. */
  readonly bereft = new Map<string, Job>()
  /** Each job's number in the order in which they became known. */
  readonly #numbers = new Map<string, number>()
  /** Those that wait for a place, by pool. */
  readonly lines = new Map<string, LineUp>()
  readonly #readers = new Map<string, Set<string>>()
  readonly #runs = new Map<string, Set<string>>()
  /** Run -> number of its jobs that are not over. */
  readonly #left = new Map<string, number>()

  takeJob(before: Job | undefined, job: Job): void {
    if (!before) this.#meet(job)
    if (isOver(job)) this.unfinished.delete(job.key)
    else this.unfinished.set(job.key, job)
    if (job.attempts.some(({ outcome }) => outcome?.kind === 'nodeLost' && outcome.nodes?.length))
      this.bereft.set(job.key, job)
    this.#line(job.planned.pool).take(job, this.#numbers.get(job.key) ?? 0)
    if (isDone(before) === isOver(job)) return
    for (const run of this.runsOf(job.key)) this.#left.set(run, this.left(run) + (isOver(job) ? -1 : 1))
  }

  #meet({ key, planned }: Job): void {
    this.#numbers.set(key, this.#numbers.size)
    for (const input of planned.needs) add(this.#readers, input, key)
  }

  /** A run that is new; `jobs` are those that are known. */
  takeRun(run: Run, jobs: ReadonlyMap<string, Job>): void {
    const { run: id, jobs: keys } = run.submitted
    for (const key of keys) add(this.#runs, key, id)
    this.#left.set(id, keys.filter((key) => !isDone(jobs.get(key))).length)
  }

  #line(pool: string): LineUp {
    const line = this.lines.get(pool) ?? new LineUp()
    this.lines.set(pool, line)
    return line
  }

  /** Keys of the jobs that need what a job makes. */
  readersOf = (key: string): ReadonlySet<string> => this.#readers.get(key) ?? none

  /** Runs that were submitted with a job, whether or not they still want it. */
  runsOf = (key: string): ReadonlySet<string> => this.#runs.get(key) ?? none

  /** How many jobs of a run are not over. */
  left = (run: string): number => this.#left.get(run) ?? 0
}

const none: ReadonlySet<string> = new Set()

const isDone = (job: Job | undefined): boolean => job !== undefined && isOver(job)

function add(sets: Map<string, Set<string>>, name: string, member: string): void {
  const set = sets.get(name) ?? new Set()
  sets.set(name, set.add(member))
}
