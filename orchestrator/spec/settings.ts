import { readValue } from './document.ts'
import type { Override } from './layers.ts'
import type { Json, Place } from './pipeline.ts'
import type { Report } from './problems.ts'
import { PipelineShape } from './shape.ts'
import { isMap } from './show.ts'
import { suggest } from './suggest.ts'

/** What `--set` changes: the file as a whole, or stages, in each cell and after the cell's own overrides. */
export type Settings = { file: Override[]; stages: Map<string, Override[]> }

/** The place of something that stands on the command line, not in the file. */
export const onCommandLine = (argument: string): Place => ({ file: argument, line: 0, column: 0 })

// The worker's folder has been read before the file is: it can't change any more.
const settable = Object.keys(PipelineShape.shape).filter((key) => !['worker', 'stages', 'extends'].includes(key))

/** Reads `--set train.with.steps=100`: a path, and a value in YAML. */
export function readSettings(set: readonly string[], root: Json, report: Report): Settings {
  const stages = isMap(root) && isMap(root.stages) ? Object.keys(root.stages) : []
  const settings: Settings = { file: [], stages: new Map() }
  for (const [index, text] of set.entries()) {
    const place = onCommandLine(`--set ${text}`)
    const [, left, right] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    const path = left?.trim().split('.') ?? []
    if (right === undefined || path.some((part) => part === '' || part === '__proto__')) {
      report(place, 'expected path=value, such as train.with.steps=100')
      continue
    }
    const read = readValue(right)
    if (read === null) {
      report(place, `expected a value in YAML after '=', found ${JSON.stringify(right)}`)
      continue
    }
    const [first = '', ...rest] = path[0] === 'stages' ? path.slice(1) : path
    const override = { id: -1 - index, value: read.value, place: () => place }
    if (stages.includes(first)) {
      settings.stages.set(first, [...(settings.stages.get(first) ?? []), { ...override, path: rest }])
    } else if (settable.includes(first) && path[0] !== 'stages') {
      settings.file.push({ ...override, path })
    } else {
      report(place, `no stage '${first}'${suggest(first, [...stages, ...settable])}`)
    }
  }
  return settings
}
