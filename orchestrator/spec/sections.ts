import { posix } from 'node:path'
import type { PlaceOf } from './layers.ts'
import type { Axis } from './matrix.ts'
import type { DataSource, Json, Metrics, ReportSpec } from './pipeline.ts'
import type { Report } from './problems.ts'
import { isMap } from './show.ts'
import { suggest } from './suggest.ts'

/** The smaller sections of the file. Their shape has been checked; what isn't as it should be is left out here. */

export function readData(value: Json, folder: string, place: PlaceOf, report: Report): DataSource[] {
  return entriesOf(value).map(([name, raw]) => {
    const { path, format, version } = isMap(raw) ? raw : {}
    if (typeof path === 'string' && /^[a-z][a-z0-9+.-]*:\/\//.test(path) && !/^s3:\/\/[^/]/.test(path))
      report(
        place(['data', name, 'path']),
        `data.${name}.path: expected a path, or an address such as s3://bucket/folder, found '${path}'`,
      )
    return {
      name,
      path: typeof path === 'string' ? absolute(path, folder) : '',
      format: typeof format === 'string' ? format : null,
      version: version === undefined || version === null ? null : String(version),
      place: place(['data', name], 'key'),
    }
  })
}

/** Paths are relative to the file that names them; addresses such as s3://… stay as they are. */
const absolute = (path: string, folder: string): string =>
  /^[a-z][a-z0-9+.-]*:\/\//.test(path) ? path : posix.resolve(folder, path)

/** Whether data is at an address: it can only be streamed. */
export const isAddress = (path: string): boolean => path.startsWith('s3://')

export const readSecrets = (value: Json | undefined): string[] =>
  Array.isArray(value) ? [...new Set(value.filter((name) => typeof name === 'string'))] : []

export const readLabels = (value: Json): Record<string, string> =>
  Object.fromEntries(entriesOf(value).map(([key, label]) => [key, String(label)]))

export function readReport(value: Json, axes: readonly Axis[], place: PlaceOf, report: Report): ReportSpec {
  const { rows, columns, value: metric, baseline } = isMap(value) ? value : {}
  const names = axes.map(({ name }) => name)
  const axis = typeof rows === 'string' ? axes.find(({ name }) => name === rows) : axes[0]
  if (typeof rows === 'string' && axis === undefined)
    report(place(['report', 'rows']), `report.rows: no axis '${rows}' in the matrix${suggest(rows, names)}`)
  const known = axis?.options.map(({ text }) => text) ?? []
  const base = baseline === undefined || baseline === null ? null : String(baseline)
  if (base !== null && axis !== undefined && !known.includes(base))
    report(
      place(['report', 'baseline']),
      `report.baseline: no value '${base}' on the axis '${axis.name}'${suggest(base, known)}`,
    )
  if (base !== null && axes.length === 0)
    report(place(['report', 'baseline']), 'report.baseline: there is no matrix to compare in')
  return {
    rows: axis?.name ?? null,
    baseline: base,
    columns: typeof columns === 'string' ? columns : 'task',
    value: typeof metric === 'string' ? metric : 'success',
  }
}

/** Of W&B's key it is known before anything starts whether a worker will have it. */
export function readMetrics(value: Json, secrets: string[], place: PlaceOf, report: Report): Metrics | null {
  const { tensorboard, wandb } = isMap(value) ? value : {}
  const metrics: Metrics = { tensorboard: tensorboard === true, wandb: isMap(wandb) ? readWandb(wandb) : null }
  if (metrics.wandb?.mode === 'online' && !secrets.includes('WANDB_API_KEY'))
    report(
      place(['metrics', 'wandb']),
      'metrics.wandb: expected WANDB_API_KEY under `secrets:`, or `mode: offline`, which needs none',
    )
  return metrics.tensorboard || metrics.wandb !== null ? metrics : null
}

const readWandb = ({ project, entity, mode }: Record<string, Json>): Metrics['wandb'] => ({
  project: typeof project === 'string' ? project : '',
  entity: typeof entity === 'string' ? entity : null,
  mode: mode === undefined || mode === 'online' ? 'online' : 'offline',
})

const entriesOf = (value: Json): [string, Json][] => (isMap(value) ? Object.entries(value) : [])
