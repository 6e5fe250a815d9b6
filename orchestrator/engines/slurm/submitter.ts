import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { limits } from '../../limits.ts'
import type { Arrays } from './arrays.ts'
import { jobKey, type QueuePoll } from './queue-poll.ts'
import { batchScript, type Submission as Names, type Needs, sbatchArguments } from './sbatch-arguments.ts'
import { type SlurmCommands, SlurmSilence } from './slurm-commands.ts'
import type { SlurmPool } from './slurm-pool.ts'
import { removeSubmission, writeSubmission } from './submission.ts'

/** An attempt whose directory is ready. */
export type Ticket = {
  attempt: string
  directory: string
  needs: Needs
  /** What its batch step, and so its ranks, are to find in their environment. */
  env: Record<string, string>
}

type Waiting = Ticket & { done: (id: string) => void; failed: (error: unknown) => void }

/** Fewer than these are submitted one by one: a job of one's own is easier to understand. */
const ARRAY_LEAST = 4
const ARRAY_MOST = 1000

export type SubmitterOptions = {
  commands: SlurmCommands
  queue: QueuePoll
  pool: SlurmPool
  comment: string
  arrays: Arrays
  /** Path of the launcher on the shared file system. */
  launcher: () => Promise<string>
}

/**
 * Submits one after the other, at a bounded rate. What comes while one submission is under way and needs the same goes
 * into one job array: shards, or a matrix of small jobs.
 */
export class Submitter {
  readonly #options: SubmitterOptions
  #waiting: Waiting[] = []
  #working = false
  #mostTasks: Promise<number> | null = null

  constructor(options: SubmitterOptions) {
    this.#options = options
  }

  /** Resolves with what Slurm calls it, once it has accepted it. Throws what SlurmCommands throws. */
  submit(ticket: Ticket): Promise<string> {
    return new Promise((done, failed) => {
      this.#waiting.push({ ...ticket, done, failed })
      void this.#work()
    })
  }

  async #work(): Promise<void> {
    if (this.#working) return
    this.#working = true
    try {
      while (this.#waiting.length > 0) {
        const next = pause(limits.slurm.submit)
        await this.#submitNext()
        await next
      }
    } finally {
      this.#working = false
    }
  }

  /** Never rejects: whoever waits for the submission is told. */
  async #submitNext(): Promise<void> {
    const most = await this.#tasksAtMost()
    const alike = Map.groupBy(this.#waiting, ({ needs, env }) => JSON.stringify([needs, env]))
    const [first = []] = alike.values()
    const group = first.length >= Math.min(ARRAY_LEAST, most + 1) ? first.slice(0, most) : first.slice(0, 1)
    this.#waiting = this.#waiting.filter((ticket) => !group.includes(ticket))
    try {
      const id = await this.#send(group)
      for (const [task, ticket] of group.entries()) ticket.done(group.length > 1 ? `${id}_${task}` : id)
    } catch (error) {
      // What Slurm surely doesn't have can be submitted anew at once.
      if (!(error instanceof SlurmSilence && error.heard)) await Promise.allSettled(group.map(withdraw))
      for (const ticket of group) ticket.failed(error)
    }
  }

  async #send(group: Waiting[]): Promise<string> {
    const [first] = group
    if (!first) throw new Error('nothing to submit')
    const { commands, pool, comment, arrays } = this.#options
    const launcher = await this.#options.launcher()
    const array = group.length > 1 ? `orchestrate-${randomBytes(6).toString('hex')}` : null
    const names: Names = {
      name: array ?? first.attempt,
      comment,
      output: array ? arrays.output(array) : join(first.directory, 'launcher.log'),
      tasks: array ? group.length : null,
    }
    const directories = group.map(({ directory }) => directory)
    const attempt = array ? { list: await arrays.write(array, directories) } : { directory: first.directory }
    const script = batchScript({ python: pool.python, launcher, attempt })
    await record(group, names, null)
    const options = { input: script, env: first.env }
    const id = await this.#accepted(commands.run('sbatch', sbatchArguments(pool, first.needs, names), options), names)
    await record(group, names, id)
    return id
  }

  /** `12`, or `12;cluster`. One that nobody has confirmed may have been accepted all the same: then Slurm knows its name. */
  async #accepted(asked: Promise<string>, names: Names): Promise<string> {
    try {
      return (await asked).trim().split(';')[0] ?? ''
    } catch (error) {
      if (!(error instanceof SlurmSilence && error.heard)) throw error
      await pause(limits.slurm.silenceFirst)
      const { jobs } = await this.#options.queue.fresh()
      const [job] = jobs.get(jobKey({ name: names.name, task: names.tasks === null ? null : 0 })) ?? []
      if (!job) throw error
      return job.id.split('_')[0] ?? ''
    }
  }

  /** 1 where the cluster allows no arrays. */
  #tasksAtMost(): Promise<number> {
    this.#mostTasks ??= this.#options.commands.run('scontrol', ['show', 'config']).then(
      (config) => Math.min(ARRAY_MOST, Math.max(1, Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? 1))),
      () => {
        this.#mostTasks = null // asked again next time
        return 1
      },
    )
    return this.#mostTasks
  }
}

const withdraw = ({ directory }: Ticket): Promise<void> => removeSubmission(directory)

async function record(group: Waiting[], { name, tasks }: Names, id: string | null): Promise<void> {
  const at = Date.now()
  const written = group.map(({ directory }, task) =>
    writeSubmission(directory, {
      name,
      task: tasks === null ? null : task,
      at,
      id: id === null || tasks === null ? id : `${id}_${task}`,
    }),
  )
  await Promise.all(written)
}
