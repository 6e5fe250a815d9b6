import type { EntryDescription, WorkerDescription } from '../protocol/worker-description.ts'
import { checkShape } from './check-shape.ts'
import { checkConfig } from './config.ts'
import { readInputs } from './inputs.ts'
import type { Layered } from './layers.ts'
import { type Json, networks, type Place, type Stage } from './pipeline.ts'
import { defaults, readCheckpoint, readHang, readResources, readRetry, readShards } from './resources.ts'
import { StageShape } from './shape.ts'
import { isMap, type Path, showPath } from './show.ts'
import { readStream } from './stream.ts'
import { suggest } from './suggest.ts'
import { type Scope, substitute } from './variables.ts'

/** What the stages of a file may refer to. */
export type Surroundings = {
  worker: WorkerDescription
  /** Place of the worker's description, where that is what's wrong. */
  workerPlace: Place
  /** Stage -> its entry, or null where that isn't the same in each cell. */
  entries: ReadonlyMap<string, string | null>
  /** Data source -> its path or address. */
  data: ReadonlyMap<string, string>
}

/** A stage with overrides applied and variables filled in; `stage` may be incomplete where there are problems. */
export type BuiltStage = { stage: Stage; place: Layered['place']; problems: { place: Place; message: string }[] }

/** Null where an override has removed the stage. */
export function buildStage(name: string, layered: Layered, scope: Scope, around: Surroundings): BuiltStage | null {
  if (layered.value === null) return null
  const problems = [...layered.problems]
  const unfilled: string[] = []
  const report = (path: Path, message: string, of?: 'key' | 'value') => {
    // Where a variable could not be filled in, what it would have been can't be judged.
    if (unfilled.includes(showPath(path))) return
    problems.push({ place: layered.place(path, of), message })
  }
  const value = substitute(unwrapReferences(layered.value), scope, (path, message) => {
    report(path, message)
    unfilled.push(showPath(path))
  })
  for (const { path, of, message } of checkShape(StageShape, value, [name])) report(path, message, of)
  const raw = isMap(value) ? value : {}
  const at = (path: Path) => showPath([name, ...path])
  const entry = readEntry(raw.entry, around, (message) => report(['entry'], message))
  const misfit = ({ path, message }: { path: Path; message: string }) => report(path, `${at(path)}: ${message}`)
  const inputs = readInputs(name, raw, entry, around, report)
  const stage: Stage = {
    name,
    entry: typeof raw.entry === 'string' ? raw.entry : '',
    description: entry ?? noEntry,
    config: isMap(raw.with) ? raw.with : {},
    inputs,
    stream: readStream(name, raw, entry, inputs, around, report),
    resources: readResources(raw.resources, entry, misfit),
    shards: readShards(raw.shards, entry, misfit),
    checkpoint: readCheckpoint(raw.checkpoint),
    retry: readRetry(raw.retry),
    hang: readHang(raw.hang),
    pool: typeof raw.pool === 'string' ? raw.pool : defaults.pool,
    network: networks.find((one) => one === raw.network) ?? null,
    place: layered.place([], 'key'),
  }
  if (entry !== null && (raw.with === undefined || raw.with === null || isMap(raw.with))) {
    const where = [name, 'with']
    try {
      const checked = checkConfig(entry, stage.config, where)
      for (const { path, of, message } of checked.problems) report(['with', ...path], message, of)
    } catch (error) {
      const message = `entry '${stage.entry}': expected a JSON Schema as its config: ${(error as Error).message}`
      problems.push({ place: around.workerPlace, message })
    }
  }
  return { stage, place: layered.place, problems }
}

function readEntry(value: Json | undefined, { worker }: Surroundings, report: (message: string) => void) {
  if (typeof value !== 'string' || value === '') return null
  if (Object.hasOwn(worker.entries, value)) return worker.entries[value] ?? null
  report(`no entry '${value}' in worker '${worker.name}'${suggest(value, Object.keys(worker.entries))}`)
  return null
}

const noEntry: EntryDescription = { config: {}, inputs: {}, outputs: {}, shardable: true, distributed: true }

/** `inputs: { policy: "${train.policy}" }` says the same as `policy: train.policy`. */
function unwrapReferences(value: Json): Json {
  if (!isMap(value) || !isMap(value.inputs)) return value
  const inputs = Object.entries(value.inputs).map(([key, item]): [string, Json] => {
    const [, inner] = typeof item === 'string' ? (/^\$\{\s*((?!matrix\.|env\.)[^{}$]+?)\s*\}$/.exec(item) ?? []) : []
    return [key, inner ?? item]
  })
  return { ...value, inputs: Object.fromEntries(inputs) }
}
