import { limits } from '../../limits.ts'
import { QUEUE_ENVIRONMENT, QUEUE_FORMAT, type QueuedJob, readQueue } from './read-queue.ts'
import type { SlurmCommands } from './slurm-commands.ts'

/** What Slurm said of the jobs of this control plane, by `jobKey`, and when it was asked. */
export type Answer = { askedAt: number; jobs: Map<string, QueuedJob[]> }

export const jobKey = ({ name, task }: { name: string; task: number | null }): string => `${name}/${task ?? ''}`

/** One look at the queue for all attempts, as often as the pool allows, whoever asks. */
export class QueuePoll {
  readonly #commands: SlurmCommands
  readonly #comment: string
  readonly #everyMs: number
  readonly #heard: (now: Answer, before: Answer | null) => void
  #answer: Answer | null = null
  #asking: Promise<Answer> | null = null
  #dueAt = 0
  /** Whether the last look got no answer. */
  #silent = true

  constructor(
    commands: SlurmCommands,
    {
      comment,
      everyMs,
      heard,
    }: { comment: string; everyMs: number; heard: (now: Answer, before: Answer | null) => void },
  ) {
    this.#commands = commands
    this.#comment = comment
    this.#everyMs = everyMs
    this.#heard = heard
  }

  /** Throws SLURM_UNREACHABLE: an answer that isn't there says nothing of any job. */
  latest(): Promise<Answer> {
    if (this.#answer && Date.now() < this.#dueAt) return Promise.resolve(this.#answer)
    return this.#ask()
  }

  /** An answer to a question asked from now on. */
  async fresh(): Promise<Answer> {
    const now = Date.now()
    const answer = await this.#ask()
    return answer.askedAt >= now ? answer : this.#ask()
  }

  /** Something new is expected: the next look need not wait for the whole interval. */
  hurry(): void {
    this.#dueAt = Math.min(this.#dueAt, (this.#answer?.askedAt ?? 0) + Math.min(limits.slurm.hurry, this.#everyMs))
  }

  #ask(): Promise<Answer> {
    this.#asking ??= this.#look().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #look(): Promise<Answer> {
    const askedAt = Date.now()
    // Of one user, which slurmctld can answer without a walk through all jobs; -r: each task of an array by itself.
    const options = ['--me', '--noheader', '--array', '--states=all', `--format=${QUEUE_FORMAT}`]
    const text = await this.#commands.run('squeue', options, { env: QUEUE_ENVIRONMENT }).catch((error: unknown) => {
      this.#silent = true
      throw error
    })
    const own = readQueue(text).filter(({ comment }) => comment === this.#comment)
    const jobs = Map.groupBy(own, jobKey)
    const before = this.#silent ? null : this.#answer
    this.#silent = false
    this.#answer = { askedAt, jobs }
    this.#dueAt = askedAt + this.#everyMs
    this.#heard(this.#answer, before)
    return this.#answer
  }
}
