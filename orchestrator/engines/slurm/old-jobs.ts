import { open } from 'node:fs/promises'
import type { EndedJob } from './end-of-job.ts'
import { readState } from './job-states.ts'
import type { SlurmCommands } from './slurm-commands.ts'

/** A job that slurmctld has forgotten: what it was called, so that one that has its number since isn't taken for it. */
export type OldJob = { id: string; name: string }

const TAIL = 4 << 20

/** What is known elsewhere of jobs that slurmctld has forgotten, some minutes after they ended. */
export class OldJobs {
  readonly #commands: SlurmCommands
  #accounting: 'untried' | 'off' | 'on' = 'untried'
  #completions: Promise<string | null> | null = null
  #asked: { jobs: OldJob[]; answer: Promise<string> } | null = null

  constructor(commands: SlurmCommands) {
    this.#commands = commands
  }

  async find(job: OldJob): Promise<EndedJob | null> {
    return (await this.#fromAccounting(job)) ?? (await this.#fromCompletions(job))
  }

  /** One sacct for all that are asked for at once. */
  async #fromAccounting(job: OldJob): Promise<EndedJob | null> {
    if (this.#accounting === 'off') return null
    if (!this.#asked) {
      const asked = { jobs: [] as OldJob[], answer: Promise.resolve('') }
      asked.answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        this.#asked = null
        return this.#sacct(asked.jobs)
      })
      this.#asked = asked
    }
    this.#asked.jobs.push(job)
    return readAccounting(await this.#asked.answer, job)
  }

  async #sacct(jobs: OldJob[]): Promise<string> {
    const ids = [...new Set(jobs.map(({ id }) => id))].join(',')
    const options = [
      '--noheader',
      '--parsable2',
      '--allocations',
      '--duplicates',
      `--jobs=${ids}`,
      `--format=${FIELDS}`,
    ]
    try {
      const text = await this.#commands.run('sacct', options)
      this.#accounting = 'on'
      return text
    } catch {
      if (this.#accounting === 'untried') this.#accounting = 'off' // "Slurm accounting storage is disabled"
      return ''
    }
  }

  async #fromCompletions(job: OldJob): Promise<EndedJob | null> {
    this.#completions ??= this.#findCompletions()
    const path = await this.#completions
    const text = path === null ? null : await tailOf(path)
    return text === null ? null : readCompletions(text, job)
  }

  /** The file of jobcomp/filetxt, if that is used; often only root may read it. */
  async #findCompletions(): Promise<string | null> {
    const config = await this.#commands.run('scontrol', ['show', 'config']).catch(() => '')
    const value = (key: string) => new RegExp(`^${key}\\s*=\\s*(.*)$`, 'm').exec(config)?.[1]?.trim()
    return value('JobCompType') === 'jobcomp/filetxt' ? (value('JobCompLoc') ?? null) : null
  }
}

const FIELDS = 'JobIDRaw,JobID,State,NodeList,Reason,JobName'

export function readAccounting(text: string, job: OldJob): EndedJob | null {
  const found = text.split('\n').flatMap((line) => {
    const [raw, id, state = '', nodes = '', reason = '', ...name] = line.split('|')
    if ((raw !== job.id && id !== job.id) || name.join('|') !== job.name) return []
    return [{ id: job.id, state: readState(state), nodes: /^None assigned$/.test(nodes) ? '' : nodes, reason }]
  })
  return found.at(-1) ?? null
}

/** A line of jobcomp/filetxt: `JobId=12 UserId=… Name=a-0123456789-1 JobState=NODE_FAIL … NodeList=node[1-2] …`. */
export function readCompletions(text: string, job: OldJob): EndedJob | null {
  const found = text.split('\n').flatMap((line) => {
    const value = (key: string) => new RegExp(`(?:^| )${key}=(\\S*)`).exec(line)?.[1] ?? ''
    const id = value('ArrayJobId') && value('ArrayTaskId') ? `${value('ArrayJobId')}_${value('ArrayTaskId')}` : ''
    if ((value('JobId') !== job.id && id !== job.id) || value('Name') !== job.name) return []
    const nodes = value('NodeList')
    const reason = value('ExitCode') === '0:53' ? 'RaisedSignal:53' : ''
    return [{ id: job.id, state: readState(value('JobState')), nodes: nodes === '(null)' ? '' : nodes, reason }]
  })
  return found.at(-1) ?? null
}

async function tailOf(path: string): Promise<string | null> {
  const file = await open(path).catch(() => null)
  if (file === null) return null
  try {
    const { size } = await file.stat()
    const length = Math.min(size, TAIL)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8')
  } finally {
    await file.close()
  }
}
