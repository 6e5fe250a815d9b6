import type { WorkerDescription } from '../protocol/worker-description.ts'
import { neededFor, sortStages } from './graph.ts'
import { layer, type Override, type PlaceOf } from './layers.ts'
import type { CellDraft } from './matrix.ts'
import type { Cell, Json, Stage } from './pipeline.ts'
import type { Report } from './problems.ts'
import { isMap, showPath } from './show.ts'
import { type BuiltStage, buildStage, type Surroundings } from './stage.ts'
import { axesIn } from './variables.ts'

export type CellSource = {
  drafts: readonly CellDraft[]
  /** `stages:` of the file. */
  stages: Readonly<Record<string, Json>>
  /** Places in the file. */
  place: PlaceOf
  /** `--set` by stage: applied after the overrides of the cell. */
  settings: ReadonlyMap<string, readonly Override[]>
  worker: WorkerDescription
  workerFolder: string
  /** Data source -> its path or address. */
  data: ReadonlyMap<string, string>
  env: Readonly<Record<string, string>>
  report: Report
}

type Built = ReadonlyMap<string, BuiltStage | null>

/** Builds the stages that each cell needs: the sinks of the file, and after overrides all that feeds them. */
export function buildCells(source: CellSource): { cells: Cell[]; stageOrder: string[] } {
  return new CellBuilder(source).build()
}

class CellBuilder {
  readonly #source: CellSource
  readonly #names: string[]
  readonly #around: Surroundings
  /** Most cells share most stages: each distinct one is built and checked once. */
  readonly #built = new Map<string, BuiltStage | null>()
  readonly #axesOf = new Map<Override | string, string[]>()
  readonly #reported = new Set<string>()

  constructor(source: CellSource) {
    const { worker, workerFolder, data } = source
    this.#source = source
    this.#names = Object.keys(source.stages)
    const workerPlace = { file: `${workerFolder}/worker.json`, line: 0, column: 0 }
    this.#around = { worker, workerPlace, entries: this.#entries(), data }
  }

  build(): { cells: Cell[]; stageOrder: string[] } {
    const { drafts } = this.#source
    const first = this.#plain(drafts[0]?.values ?? {})
    const { order, cycles } = sortStages(this.#names, feedersIn(first))
    for (const cycle of cycles) this.#reportCycle(cycle, first)
    const varies = this.#names.some((name) => axesIn(inputsOf(this.#source.stages[name])).length > 0)
    const cells = drafts.map((draft) =>
      this.#cell(draft, varies ? this.#plain(draft.values) : first, cycles.length === 0),
    )
    for (const [name, built] of first) if (!this.#reported.has(name)) this.#reportAll(name, built)
    return { cells, stageOrder: order }
  }

  #cell(draft: CellDraft, plain: Built, acyclic: boolean): Cell {
    const built = new Map(
      this.#names.map((name) => [name, this.#stage(name, this.#overrides(draft, name), draft.values)]),
    )
    const before = feedersIn(built)
    const needed = acyclic ? neededFor(this.#targets(plain, built), before) : new Set(this.#names)
    for (const [name, stage] of built)
      if (needed.has(name) || this.#overrides(draft, name).length > 0) this.#reportAll(name, stage)
    if (acyclic && needed.size === 0 && this.#names.length > 0)
      this.#source.report(this.#source.place(['matrix']), `cell '${draft.name}' runs no stage, expected at least one`)
    for (const name of needed) this.#checkFeeders(draft, name, built)
    const present = this.#names.filter((name) => needed.has(name) && built.get(name))
    const { order, cycles } = sortStages(present, (name) => before(name).filter((input) => built.get(input)))
    if (acyclic) for (const cycle of cycles) this.#reportCycle(cycle, built)
    const stages = order.flatMap((name): Stage[] => {
      const stage = built.get(name)
      return stage ? [stage.stage] : []
    })
    return { name: draft.name, values: draft.values, stages }
  }

  #overrides(draft: CellDraft, name: string): readonly Override[] {
    const own = draft.overrides.get(name)
    const set = this.#source.settings.get(name)
    return own && set ? [...own, ...set] : (own ?? set ?? [])
  }

  /** The stages of the file without any override. */
  #plain(values: Record<string, Json>): Built {
    return new Map(this.#names.map((name) => [name, this.#stage(name, [], values)]))
  }

  #stage(name: string, overrides: readonly Override[], values: Record<string, Json>): BuiltStage | null {
    const raw = this.#source.stages[name] ?? null
    const axes = new Set(this.#axes(name, raw))
    for (const override of overrides) for (const axis of this.#axes(override, override.value)) axes.add(axis)
    const used = [...axes].map((axis) => values[axis] ?? null)
    const key = `${name}|${overrides.map(({ id }) => id).join()}|${JSON.stringify(used)}`
    const known = this.#built.get(key)
    if (known !== undefined) return known
    const at: PlaceOf = (path, of) => this.#source.place(['stages', name, ...path], of)
    // An empty stage is a mistake of the file; only an override removes one.
    const layered = layer(raw ?? {}, at, overrides, [name])
    const built = buildStage(name, layered, { matrix: values, env: this.#source.env }, this.#around)
    // A stage that is no map has been reported with the file's shape: that is all there is to say.
    if (built !== null && !isMap(raw)) built.problems.length = 0
    this.#built.set(key, built)
    return built
  }

  #axes(key: Override | string, value: Json): string[] {
    const known = this.#axesOf.get(key)
    if (known) return known
    const axes = axesIn(value)
    this.#axesOf.set(key, axes)
    return axes
  }

  /** The sinks of the file; in the place of a sink that the cell removes, what would have fed it. */
  #targets(plain: Built, built: Built): string[] {
    const feeders = feedersIn(plain)
    const fed = new Set(this.#names.flatMap((name) => feeders(name)))
    const targets = new Set(this.#names.filter((name) => !fed.has(name)))
    for (const name of targets) if (!built.get(name)) for (const input of feeders(name)) targets.add(input)
    return [...targets].filter((name) => built.get(name))
  }

  #checkFeeders(draft: CellDraft, name: string, built: Built): void {
    const reader = built.get(name)
    for (const [input, binding] of Object.entries(reader?.stage.inputs ?? {})) {
      if (reader === null || reader === undefined || binding.kind !== 'stage') continue
      const feeder = built.get(binding.stage)
      const report = (message: string) =>
        this.#source.report(reader.place(['inputs', input]), `${showPath([name, 'inputs', input])}: ${message}`)
      if (!feeder)
        report(`cell '${draft.name}' removes stage '${binding.stage}', expected null or another source here too`)
      else if (this.#lacks(feeder.stage, binding.output))
        report(`no output '${binding.output}' of stage '${binding.stage}' in cell '${draft.name}'`)
    }
  }

  /** Stages whose entry is the same in each cell have been looked at already, with the reader's own problems. */
  #lacks({ name, entry, description }: Stage, output: string): boolean {
    const differs = this.#around.entries.get(name) === null && Object.hasOwn(this.#around.worker.entries, entry)
    return differs && !Object.hasOwn(description.outputs, output)
  }

  #reportAll(name: string, built: BuiltStage | null): void {
    this.#reported.add(name)
    for (const { place, message } of built?.problems ?? []) this.#source.report(place, message)
  }

  #reportCycle(cycle: string[], built: Built): void {
    const [first = '', last = ''] = [cycle[0], cycle.at(-1)]
    const stage = built.get(first)
    const inputs = Object.entries(stage?.stage.inputs ?? {})
    const [input = ''] = inputs.find(([, binding]) => binding.kind === 'stage' && binding.stage === last) ?? []
    if (stage) this.#source.report(stage.place(['inputs', input]), `cycle: ${[...cycle, first].join(' → ')}`)
  }

  #entries(): Map<string, string | null> {
    const { drafts, settings, stages } = this.#source
    const changed = new Set<string>()
    for (const overrides of [...drafts.map((draft) => draft.overrides), settings])
      for (const [name, list] of overrides)
        if (
          list.some(({ path, value }) => path[0] === 'entry' || (path.length === 0 && isMap(value) && 'entry' in value))
        )
          changed.add(name)
    return new Map(
      Object.entries(stages).map(([name, raw]) => {
        const entry = isMap(raw) ? raw.entry : null
        return [name, typeof entry === 'string' && !entry.includes('${') && !changed.has(name) ? entry : null]
      }),
    )
  }
}

const feedersIn =
  (built: Built) =>
  (name: string): string[] =>
    Object.values(built.get(name)?.stage.inputs ?? {}).flatMap((input) => (input.kind === 'stage' ? [input.stage] : []))

const inputsOf = (raw: Json | undefined): Json => (isMap(raw) ? (raw.inputs ?? null) : null)
