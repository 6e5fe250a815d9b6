import { portOf } from '../protocol/worker-description.ts'
import type { Binding, Cell, DataSource, Pipeline, Stage } from '../spec/pipeline.ts'
import { contentKey } from './content-key.ts'
import type { JobCode, JobInput, KeyParts, Plan, PlannedCell, PlannedJob } from './plan.ts'

/** What a plan depends on besides the pipeline; whoever asks for it has looked it up. */
export type Facts = {
  /** The files that an entry runs. Asked once per entry. */
  code: (entry: string) => JobCode
  /** Digest of the worker's dependency lock. */
  lock: string | null
  /** Name of a data source -> fingerprint of its content, or its declared version. */
  fingerprints: Readonly<Record<string, string>>
  /** Grows where results are not to be taken from the cache; the same for all stages, or stage by stage. */
  generation: number | ((stage: string) => number)
}

/** Turns cells into jobs, each distinct one once: equal keys are the same job, whoever asks for it. */
export function makePlan(pipeline: Pipeline, facts: Facts): Plan {
  const planner = new Planner(pipeline, facts)
  const cells = pipeline.cells.map((cell) => planner.plan(cell))
  return { pipeline: pipeline.name, cells, jobs: [...planner.jobs.values()] }
}

class Planner {
  /** In the order in which they were met, which is topological: a cell's stages are. */
  readonly jobs = new Map<string, PlannedJob>()
  readonly #pipeline: Pipeline
  readonly #facts: Facts
  readonly #code = new Map<string, JobCode>()
  /** Cells share their stages' values: with the same inputs, they have the same key. */
  readonly #keys = new Map<Stage, Map<string, string>>()

  constructor(pipeline: Pipeline, facts: Facts) {
    this.#pipeline = pipeline
    this.#facts = facts
  }

  plan(cell: Cell): PlannedCell {
    const jobs: Record<string, string> = {}
    for (const stage of cell.stages) jobs[stage.name] = this.#key(stage, jobs)
    return { name: cell.name, values: cell.values, jobs }
  }

  #key(stage: Stage, jobs: Readonly<Record<string, string>>): string {
    const inputs = Object.fromEntries(
      Object.entries(stage.inputs).map(([name, binding]) => [name, this.#digest(binding, jobs)]),
    )
    const known = this.#keys.get(stage) ?? new Map<string, string>()
    const digests = JSON.stringify(Object.values(inputs))
    const key = known.get(digests) ?? this.#define(stage, inputs, jobs)
    this.#keys.set(stage, known.set(digests, key))
    return key
  }

  #digest(binding: Binding, jobs: Readonly<Record<string, string>>): string | null {
    switch (binding.kind) {
      case 'none':
        return null
      case 'stage':
        return `job:${jobs[binding.stage]}/${binding.output}`
      case 'data':
        // The format is part of it: it says how the same bytes are read.
        return `data:${this.#source(binding.name).format ?? ''}:${this.#fingerprint(binding.name)}`
    }
  }

  #define(stage: Stage, inputs: KeyParts['inputs'], jobs: Readonly<Record<string, string>>): string {
    const { lock, generation } = this.#facts
    const { command } = this.#pipeline.worker.description
    const code = this.#code.get(stage.entry) ?? this.#facts.code(stage.entry)
    this.#code.set(stage.entry, code)
    const parts: KeyParts = {
      entry: stage.entry,
      command,
      code: code.digest,
      lock,
      config: stage.config,
      inputs,
      generation: typeof generation === 'number' ? generation : generation(stage.name),
    }
    const key = contentKey(parts)
    if (!this.jobs.has(key)) this.jobs.set(key, this.#job(key, parts, stage, code, jobs))
    return key
  }

  #job(key: string, parts: KeyParts, stage: Stage, code: JobCode, jobs: Readonly<Record<string, string>>): PlannedJob {
    const inputs = Object.entries(stage.inputs).map(([name, binding]) => [
      name,
      this.#input(binding, stage, name, jobs),
    ])
    const feeders = Object.values(stage.inputs).flatMap((binding) => (binding.kind === 'stage' ? [binding.stage] : []))
    const outputs = Object.entries(stage.description.outputs).map(([name, { format }]) => [
      name,
      { format: format ?? null },
    ])
    return {
      key,
      parts,
      stage: stage.name,
      entry: stage.entry,
      command: parts.command,
      config: stage.config,
      inputs: Object.fromEntries(inputs),
      stream: stage.stream,
      outputs: Object.fromEntries(outputs),
      code,
      needs: [...new Set(feeders.map((feeder) => jobs[feeder] ?? ''))],
      resources: stage.resources,
      shards: stage.shards,
      checkpoint: stage.checkpoint,
      retry: stage.retry,
      hang: stage.hang,
      pool: stage.pool,
      ...(stage.network === null ? {} : { network: stage.network }),
      secrets: this.#pipeline.secrets,
    }
  }

  #input(binding: Binding, stage: Stage, name: string, jobs: Readonly<Record<string, string>>): JobInput | null {
    const expected = portOf(stage.description, name)?.format ?? null
    switch (binding.kind) {
      case 'none':
        return null
      case 'stage': {
        const key = jobs[binding.stage] ?? ''
        const format = this.jobs.get(key)?.outputs[binding.output]?.format ?? expected
        return { kind: 'job', key, output: binding.output, format }
      }
      case 'data': {
        const { path, format } = this.#source(binding.name)
        const fingerprint = this.#fingerprint(binding.name)
        return { kind: 'data', name: binding.name, path, format: format ?? expected, fingerprint }
      }
    }
  }

  #source(name: string): DataSource {
    const source = this.#pipeline.data.find((candidate) => candidate.name === name)
    if (source === undefined) throw new Error(`the pipeline has no data source '${name}'`)
    return source
  }

  #fingerprint(name: string): string {
    const fingerprint = this.#facts.fingerprints[name]
    if (fingerprint === undefined) throw new Error(`no fingerprint was given for the data source '${name}'`)
    return fingerprint
  }
}
