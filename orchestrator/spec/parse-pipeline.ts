import type { WorkerDescription } from '../protocol/worker-description.ts'
import { buildCells } from './cells.ts'
import { checkShape } from './check-shape.ts'
import type { SourceDocument } from './document.ts'
import { type BaseFile, readExtended } from './extend.ts'
import { readGates } from './gates/read-gates.ts'
import { layer, type PlaceOf } from './layers.ts'
import { expandMatrix } from './matrix.ts'
import type { Json, Pipeline, Problem } from './pipeline.ts'
import type { Problems, Report } from './problems.ts'
import { readData, readLabels, readMetrics, readReport, readSecrets } from './sections.ts'
import { selectCells } from './select-cells.ts'
import { readSettings } from './settings.ts'
import { PipelineShape } from './shape.ts'
import { isMap, type Path } from './show.ts'
import { substitute } from './variables.ts'

export type PipelineSource = {
  /** As the user named it, for messages. */
  file: string
  text: string
  /** Files that it extends, the nearest first. */
  bases: readonly BaseFile[]
  /** Absolute folder that relative paths are relative to. */
  folder: string
  worker: WorkerDescription
  /** Absolute folder of the worker. */
  workerFolder: string
  /** `--set train.with.steps=100`, in order. */
  set: readonly string[]
  /** `--only full`: cells by name, or by some of their values; none: all. */
  only: readonly string[]
  /** `--gate 'success(full) >= 0.9'`, beside those of the file. */
  gates?: readonly string[]
  /** The environment as far as the file refers to it. */
  env: Readonly<Record<string, string>>
}

const maxStages = 1000

/** Checks a pipeline file against itself and its worker. Pure; never throws; tells every problem at once. */
export function parsePipeline(source: PipelineSource): { pipeline: Pipeline } | { problems: Problem[] } {
  const { document, problems } = readExtended(source.file, source.text, source.bases)
  // After broken YAML, what seems to be missing may only have been misread.
  if (document === null || problems.size > 0) return { problems: problems.sorted() }
  const pipeline = check(source, document, problems)
  return problems.size > 0 ? { problems: problems.sorted() } : { pipeline }
}

function check(source: PipelineSource, document: SourceDocument, problems: Problems): Pipeline {
  const report = problems.add.bind(problems)
  const settings = readSettings(source.set, document.root, report)
  const layered = layer(document.root, document.place, settings.file, [])
  for (const { place, message } of layered.problems) report(place, message)
  const { place } = layered
  for (const found of checkShape(PipelineShape, layered.value, [])) report(place(found.path, found.of), found.message)
  const file = isMap(layered.value) ? layered.value : {}
  const stages = isMap(file.stages) ? file.stages : {}
  checkNames(file, stages, place, report)
  /** Sections outside the stages know the environment, but no cell. */
  const section = (name: string): Json =>
    substitute(file[name] ?? null, { matrix: null, env: source.env }, (path, message) =>
      report(place([name, ...path]), message),
    )

  const matrix = fillAxes(file.matrix, source, (path, message) => report(place(path), message))
  const { axes, cells: drafts } = expandMatrix(matrix, place, Object.keys(stages), report)
  const data = readData(section('data'), source.folder, place, report)
  const { worker, workerFolder, env } = source
  const sources = new Map(data.map(({ name, path }) => [name, path]))
  const { cells, stageOrder } = buildCells({
    drafts,
    stages,
    place,
    settings: settings.stages,
    worker,
    workerFolder,
    data: sources,
    env,
    report,
  })
  const secrets = readSecrets(file.secrets)
  const spec = readReport(section('report'), axes, place, report)
  return {
    name: typeof file.name === 'string' ? file.name : '',
    file: source.file,
    worker: { folder: workerFolder, description: worker },
    secrets,
    data,
    cells: selectCells(cells, source.only, report),
    stageOrder,
    report: spec,
    gates: readGates(section('gates'), source.gates ?? [], { cells, spec }, place, report),
    metrics: readMetrics(section('metrics'), secrets, place, report),
    labels: readLabels(section('labels')),
    priority: typeof file.priority === 'number' ? file.priority : 0,
    onFailure: file.on_failure === 'stop' ? 'stop' : 'continue',
  }
}

/** What the shape alone can't say about the names of the stages. */
function checkNames(file: Record<string, Json>, stages: Record<string, Json>, place: PlaceOf, report: Report): void {
  const names = Object.keys(stages)
  if (isMap(file.stages) && names.length === 0) report(place(['stages']), 'stages: expected at least one stage')
  if (names.includes('data'))
    report(place(['stages', 'data'], 'key'), "a stage can't be named 'data', which names the data sources")
  if (names.length <= maxStages) return
  report(place(['stages'], 'key'), `stages: expected at most ${maxStages}, found ${names.length}`)
  // A program wrote this file, and looking at all of it would take very long.
  for (const name of names.slice(maxStages)) delete stages[name]
}

/** Plain axes may name the environment; overrides are filled in cell by cell, where `${matrix.…}` has a value too. */
function fillAxes(
  matrix: Json | undefined,
  { env }: PipelineSource,
  report: (path: Path, message: string) => void,
): Json | undefined {
  if (!isMap(matrix)) return matrix
  const fill = (value: Json, path: Path): Json =>
    substitute(value, { matrix: null, env }, (rest, message) => report([...path, ...rest], message))
  const axes = Object.entries(matrix).map(([name, value]) => [
    name,
    Array.isArray(value) && name !== 'include' ? fill(value, ['matrix', name]) : value,
  ])
  return Object.fromEntries(axes)
}
