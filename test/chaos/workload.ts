import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prepare, upload } from '../../orchestrator/cli/submit/submit.ts'
import type { RunView } from '../../orchestrator/server/api.ts'
import { readArtifact } from '../../orchestrator/store/artifacts.ts'
import { ended } from '../support/until.ts'
import { Loss } from './loss.ts'
import { truth } from './truth.ts'
import type { World } from './world.ts'

const worker = join(import.meta.dirname, 'worker')
const STEP_MS = 25

/** What the stages of a run train: two cells share a gang, and one job feeds shards, which feed another. */
const STAGES = { train: { short: 30, long: 90 }, gang: 70, label: 20, final: 12 } as const
const SHARDS = 2
const RANKS = 2

/** The states that a job goes through, of each shard, by job. */
export type Truths = Map<string, string[][]>

/** Submits runs so that there are always `atOnce` of them, and finds out whether each ended with the right bits. */
export class Workload {
  readonly #world: World
  readonly #seed: string
  readonly #over = new AbortController()
  readonly truths: Truths = new Map()
  readonly runs: string[] = []
  #number = 0
  #draining = false
  #lanes: Promise<void>[] = []
  #checked = 0

  constructor(world: World, seed: string) {
    this.#world = world
    this.#seed = seed
  }

  /** Runs that ended with the right bits so far. */
  get checked(): number {
    return this.#checked
  }

  start(atOnce: number): void {
    this.#lanes = Array.from({ length: atOnce }, () => this.#lane())
    for (const lane of this.#lanes) lane.catch(() => {}) // told by drain, or by `failed`
  }

  /** Rejects as soon as a run has ended as it must not. */
  get failed(): Promise<never> {
    return Promise.all(this.#lanes).then(() => new Promise<never>(() => {}))
  }

  /** Lets those that are under way come to their end. */
  async drain(): Promise<void> {
    this.#draining = true
    await Promise.all(this.#lanes)
  }

  stop(): void {
    this.#over.abort(new Error('the world is over'))
  }

  /** Submits a run of one job with one step, and returns the key of that job. */
  async submitCanary(signal: AbortSignal): Promise<string> {
    const view = await this.#submit(this.#name('canary'), canary, signal)
    this.runs.push(view.run)
    const [job] = view.jobs
    if (!job) throw new Error('a run without jobs')
    return job.key
  }

  async #lane(): Promise<void> {
    while (!this.#draining && !this.#over.signal.aborted) {
      const seed = this.#name('run')
      const { run } = await this.#submit(seed, pipeline, this.#over.signal)
      this.runs.push(run)
      const view = await this.#ended(run)
      if (view.state !== 'succeeded') throw new Loss(`run ${run} ended as ${view.state}: ${errorsOf(view)}`)
      await this.#check(view, seed)
      this.#checked += 1
    }
  }

  async #ended(run: string): Promise<RunView> {
    for (;;) {
      const view = await this.#world.ask(async (client) => {
        for await (const now of client.updates(run, this.#over.signal)) if (ended(now)) return now
        return client.run(run)
      }, this.#over.signal)
      const resumed = this.#world.cancelled.get(run)
      if (view.state === 'cancelled' && resumed) await resumed
      else if (ended(view)) return view
    }
  }

  async #submit(seed: string, text: typeof pipeline, signal: AbortSignal): Promise<RunView> {
    const file = join(this.#world.folder, `${seed}.yaml`)
    await writeFile(file, text(seed, this.#world.book.path))
    const prepared = await prepare(file, { cache: true })
    return this.#world.ask(async (client) => {
      await upload(client, prepared)
      return client.submit(prepared.submission)
    }, signal)
  }

  async #check(view: RunView, seed: string): Promise<void> {
    for (const job of view.jobs) {
      const artifact = await this.#world.ask(() => readArtifact(this.#world.store, job.key))
      const files = artifact?.outputs.state?.files ?? []
      const expected = statesOf(job.stage, job.cells[0] ?? '', seed)
      this.truths.set(job.key, expected)
      for (const [shard, states] of expected.entries()) {
        const key = files.find(({ path }) => path === `${shard}.txt`)?.key
        const body = key ? await this.#world.ask(() => this.#world.store.get(key)) : null
        const found = body?.toString().trim()
        if (found !== states.at(-1))
          throw new Loss(
            `${job.stage} ${job.key.slice(0, 10)}, shard ${shard}: ended with ${found}, not ${states.at(-1)}`,
          )
      }
    }
  }

  #name(kind: string): string {
    this.#number += 1
    return `${this.#seed}-${kind}-${this.#number}`
  }
}

export const errorsOf = (view: RunView): string =>
  JSON.stringify(view.jobs.filter((job) => job.error).map((job) => [job.stage, job.error?.code, job.error?.message]))

/** What a stage of a run must compute, of each of its shards. */
function statesOf(stage: string, cell: string, seed: string): string[][] {
  const train = (shard: number, ranks: number, steps: number, before: string[] = []): string[] =>
    truth({ seed, shard, ranks, steps, before })
  const last = (states: string[]): string => `${states.at(-1)}\n`
  const base = train(0, 1, STAGES.train[cell === 'long' ? 'long' : 'short'])
  const label = Array.from({ length: SHARDS }, (_, shard) => train(shard, 1, STAGES.label, [last(base)]))
  switch (stage) {
    case 'train':
      return [base]
    case 'gang':
      return [train(0, RANKS, STAGES.gang)]
    case 'label':
      return label
    case 'final':
      return [train(0, 1, STAGES.final, label.map(last))]
    default:
      throw new Error(`no stage ${stage}`)
  }
}

const stage = (name: string, settings: object): string => `  ${name}: ${JSON.stringify(settings)}\n`

function pipeline(seed: string, book: string): string {
  const training = (steps: number) => ({
    entry: 'train',
    with: { seed, book, steps, step_ms: STEP_MS },
    checkpoint: { every: '5 steps' },
    retry: { crashes: 1000, backoff: '20ms' },
  })
  return [
    `name: chaos\nworker: ${worker}\n`,
    `matrix: { length: { short: {}, long: { train.with.steps: ${STAGES.train.long} } } }\nstages:\n`,
    stage('train', training(STAGES.train.short)),
    stage('gang', { ...training(STAGES.gang), resources: { ranks: RANKS, cores: RANKS } }),
    stage('label', { ...training(STAGES.label), shards: SHARDS, inputs: { before: 'train.state' } }),
    stage('final', { ...training(STAGES.final), inputs: { before: 'label.state' } }),
  ].join('')
}

const canary = (seed: string, book: string): string =>
  `name: canary\nworker: ${worker}\npriority: 100\nstages:\n${stage('canary', {
    entry: 'train',
    with: { seed, book, steps: 1, step_ms: 0 },
    retry: { crashes: 1000, backoff: '20ms' },
  })}`
