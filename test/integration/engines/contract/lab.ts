import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { vi } from 'vitest'
import type { Engine, Launch } from '../../../../orchestrator/engines/engine.ts'
import type { AttemptExit } from '../../../../orchestrator/protocol/exit-record.ts'
import type { JobOrder } from '../../../../orchestrator/protocol/job-order.ts'
import type { Place } from './place.ts'

/** Names that no other run of the suite uses: containers and Slurm jobs are named after attempts. */
export const newAttempt = () => `a-${randomBytes(5).toString('hex')}-1`

/** An attempt that runs `rank.py <what>` in each of its ranks. */
export function rankJob(python: string, what: string[], patch: Partial<JobOrder> = {}): Launch {
  const job: JobOrder = {
    protocol: 1,
    attempt: newAttempt(),
    job: 'k'.repeat(64),
    stage: 'test',
    shard: 0,
    shards: 1,
    fence: 1,
    command: [python, '-S', 'rank.py', ...what],
    code: import.meta.dirname,
    entry: 'test',
    config: {},
    inputs: {},
    outputs: [],
    ranks: 1,
    cores: 1,
    gpus: [],
    store: { url: 'file:///nowhere' },
    prefix: 'jobs/k/s0/1',
    resume: [],
    checkpoint: { every: null },
    grace: 60,
    time: null,
    memory: null,
    logBytes: 1 << 16,
    secrets: null,
    ...patch,
  }
  return { job, env: {}, secrets: {} }
}

export const never = () => new AbortController().signal

/** Not every file system tells of writes, nor does a process that isn't one's own child tell of its end: asked often. */
export const eventually = <T>(look: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(look, { timeout: 300_000, interval: 10 })

/** Resolves when a file of the attempt holds the text. */
export const untilWritten = (engine: Engine, attempt: string, file: string, text = ''): Promise<void> =>
  eventually(() => {
    const found = readFileSync(join(engine.directory(attempt), file), 'utf8')
    if (!found.includes(text)) throw new Error(`${file} of ${attempt} holds ${JSON.stringify(found.slice(-500))}`)
  })

export const untilReady = async (engine: Engine, attempt: string, ranks = 1): Promise<void> => {
  for (let rank = 0; rank < ranks; rank++) await untilWritten(engine, attempt, `stdout.${rank}.log`, 'ready\n')
}

/** Waits for the end, and returns the record that must have been left. */
export async function endOf(engine: Engine, attempt: string): Promise<AttemptExit> {
  await engine.ended(attempt, never())
  const seen = await look(engine, attempt)
  if (seen?.state !== 'exited' || !seen.exit) throw new Error(`no record: ${JSON.stringify(seen)}`)
  return seen.exit
}

export const look = async (engine: Engine, attempt: string) => (await engine.observe([attempt])).get(attempt)

/** How each rank ended: its signal, or its code. */
export const ends = (exit: AttemptExit) => exit.ranks.map((rank) => rank.signal ?? rank.code)

/** A place, an engine for it, and what tests do with both. */
export class Lab {
  readonly #make: () => Promise<Place>
  #place: Place | null = null
  #engine: Engine | null = null

  constructor(make: () => Promise<Place>) {
    this.#make = make
  }

  async open(): Promise<void> {
    this.#place = await this.#make()
    this.#engine = this.#place.engine()
  }

  /** What a failed test left running is ended, not left to the machine. */
  async close(): Promise<void> {
    for (const attempt of (await this.#engine?.living()) ?? []) await this.kill(attempt)
    await this.#place?.close()
  }

  get place(): Place {
    if (!this.#place) throw new Error('not open')
    return this.#place
  }

  get engine(): Engine {
    if (!this.#engine) throw new Error('not open')
    return this.#engine
  }

  job(what: string[], patch: Partial<JobOrder> = {}): Launch {
    return rankJob(this.place.python, what, patch)
  }

  async start(what: string[], patch: Partial<JobOrder> = {}): Promise<string> {
    const launch = this.job(what, patch)
    await this.engine.launch(launch)
    return launch.job.attempt
  }

  async startReady(what: string[], patch: Partial<JobOrder> = {}): Promise<string> {
    const attempt = await this.start(what, patch)
    await untilReady(this.engine, attempt, patch.ranks)
    return attempt
  }

  read(attempt: string, file: string): string {
    return readFileSync(join(this.engine.directory(attempt), file), 'utf8')
  }

  async kill(attempt: string): Promise<void> {
    await this.engine.signal(attempt, 'SIGKILL')
    await this.engine.ended(attempt, never())
  }
}
