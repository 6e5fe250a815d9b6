import type { Override, PlaceOf } from './layers.ts'
import type { Json } from './pipeline.ts'
import type { Report } from './problems.ts'
import { namePattern } from './shape.ts'
import { isMap, type Path } from './show.ts'
import { suggest } from './suggest.ts'

export type CellDraft = { name: string; values: Record<string, Json>; overrides: Map<string, Override[]> }
type Overrides = CellDraft['overrides']

/** One value of an axis: a plain one, or a name with its overrides (stage -> overrides). */
type Option = { text: string; value: Json; overrides: Overrides }
export type Axis = { name: string; named: boolean; options: Option[]; byText: ReadonlyMap<string, Option> }

const maxCells = 10_000

/** Expands `matrix:` into cells: each combination of the axes, less `exclude`, plus `include`. Never throws. */
export function expandMatrix(matrix: Json | undefined, place: PlaceOf, stages: readonly string[], report: Report) {
  return new Expansion(place, stages, report).expand(matrix)
}

class Expansion {
  readonly #place: PlaceOf
  readonly #stages: readonly string[]
  readonly #report: Report
  #id = 0

  constructor(place: PlaceOf, stages: readonly string[], report: Report) {
    this.#place = place
    this.#stages = stages
    this.#report = report
  }

  expand(matrix: Json | undefined): { axes: Axis[]; cells: CellDraft[] } {
    if (!isMap(matrix)) return { axes: [], cells: [{ name: 'default', values: {}, overrides: new Map() }] }
    const { include, exclude, ...rest } = matrix
    const axes = Object.entries(rest).flatMap(([name, value]) => this.#axis(name, value))
    const size = axes.reduce((product, { options }) => product * options.length, 1)
    if (size > maxCells) {
      this.#report(this.#place(['matrix']), `matrix: ${size} cells, expected at most ${maxCells}`)
      return { axes, cells: [] }
    }
    const isExcluded = anyOf(
      list(exclude).flatMap((item, index) => this.#excluded(item, ['matrix', 'exclude', index], axes)),
    )
    const cells = product(axes)
      .filter((options) => !isExcluded(options))
      .map((options) => cell(axes, options))
    cells.push(...list(include).flatMap((item, index) => this.#included(item, ['matrix', 'include', index], axes)))
    if (cells.length === 0 && size > 0)
      this.#report(this.#place(['matrix']), 'matrix: no cell is left, expected at least one')
    this.#findDoubles(cells)
    return { axes, cells }
  }

  #axis(name: string, value: Json): Axis[] {
    const path = ['matrix', name]
    if (!namePattern.test(name)) {
      this.#report(this.#place(path, 'key'), `matrix: expected a name of letters, digits, - and _, found '${name}'`)
    }
    if (Array.isArray(value)) {
      const options = value.filter(isPlain).map((item) => plainOption(item))
      return [{ name, named: false, options, byText: indexed(options) }]
    }
    if (!isMap(value)) return []
    const options = Object.entries(value).map(
      ([text, overrides]): Option => ({ text, value: text, overrides: this.#overrides(overrides, [...path, text]) }),
    )
    return [{ name, named: true, options, byText: indexed(options) }]
  }

  #overrides(value: Json, at: Path): Overrides {
    const byStage: Overrides = new Map()
    for (const [key, item] of isMap(value) ? Object.entries(value) : []) {
      const [stage = '', ...path] = key.split('.')
      const place: PlaceOf = (rest, of) => this.#place([...at, key, ...rest], of)
      if (key.split('.').some((part) => part === '' || part === '__proto__')) {
        this.#report(place([], 'key'), `expected a path such as train.with.steps, found '${key}'`)
      } else if (!this.#stages.includes(stage)) {
        this.#report(place([], 'key'), `no stage '${stage}'${suggest(stage, this.#stages)}`)
      } else {
        byStage.set(stage, [...(byStage.get(stage) ?? []), { id: this.#id++, path, value: item, place }])
      }
    }
    return byStage
  }

  #excluded(item: Json, at: Path, axes: Axis[]): Exclusion[] {
    if (!isMap(item)) return []
    const wanted = Object.entries(item).map(([name, value]) => {
      const index = axes.findIndex((axis) => axis.name === name)
      const axis = axes[index]
      if (axis === undefined) this.#noAxis(name, [...at, name], axes)
      else if (!axis.byText.has(String(value))) this.#noValue(axis, value, [...at, name])
      return { index, text: String(value) }
    })
    return wanted.length === 0 ? [] : [wanted]
  }

  #included(item: Json, at: Path, axes: Axis[]): CellDraft[] {
    if (!isMap(item)) return []
    const chosen = axes.flatMap((axis): Option[] => {
      const value = item[axis.name]
      if (!isPlain(value)) {
        this.#report(this.#place(at), `include: expected a value for the axis '${axis.name}'`)
        return []
      }
      const known = axis.byText.get(String(value))
      if (known) return [known]
      if (axis.named) this.#noValue(axis, value, [...at, axis.name])
      return [plainOption(value)]
    })
    const own = Object.fromEntries(Object.entries(item).filter(([key]) => !axes.some(({ name }) => name === key)))
    const extra: Option = { text: '', value: null, overrides: this.#overrides(own, at) }
    return chosen.length < axes.length ? [] : [cell(axes, chosen, extra)]
  }

  #noAxis(name: string, path: Path, axes: Axis[]): void {
    this.#report(
      this.#place(path, 'key'),
      `no axis '${name}' in the matrix${suggest(
        name,
        axes.map((axis) => axis.name),
      )}`,
    )
  }

  #noValue(axis: Axis, value: Json, path: Path): void {
    const known = axis.options.map(({ text }) => text)
    this.#report(
      this.#place(path),
      `no value '${String(value)}' on the axis '${axis.name}'${suggest(String(value), known)}`,
    )
  }

  #findDoubles(cells: CellDraft[]): void {
    const seen = new Set<string>()
    for (const { name } of cells) {
      if (seen.has(name)) this.#report(this.#place(['matrix']), `matrix: two cells are named '${name}'`)
      seen.add(name)
    }
  }
}

const isPlain = (value: Json | undefined): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

const plainOption = (value: string | number | boolean): Option => ({ text: String(value), value, overrides: new Map() })

const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])

/** Of each axis that it names, by its index, the value: all of them have to be the cell's. */
type Exclusion = { index: number; text: string }[]

/** Exclusions of the same axes are looked up together: a thousand of them cost a cell no more than one. */
function anyOf(exclusions: readonly Exclusion[]): (options: readonly Option[]) => boolean {
  const groups = Map.groupBy(
    exclusions.map((one) => one.toSorted((a, b) => a.index - b.index)),
    (one) => one.map(({ index }) => index).join(),
  )
  const sets = [...groups.values()].map((group) => ({
    indexes: (group[0] ?? []).map(({ index }) => index),
    texts: new Set(group.map((one) => JSON.stringify(one.map(({ text }) => text)))),
  }))
  return (options) =>
    sets.some(({ indexes, texts }) => texts.has(JSON.stringify(indexes.map((index) => options[index]?.text))))
}

/** Of values that read the same the first. */
const indexed = (options: readonly Option[]): ReadonlyMap<string, Option> =>
  new Map(options.toReversed().map((option) => [option.text, option]))

function product(axes: Axis[]): Option[][] {
  return axes.reduce<Option[][]>(
    (cells, axis) => cells.flatMap((cell) => axis.options.map((option) => [...cell, option])),
    [[]],
  )
}

function cell(axes: Axis[], options: Option[], extra?: Option): CellDraft {
  const overrides: Overrides = new Map()
  for (const option of extra ? [...options, extra] : options)
    for (const [stage, list] of option.overrides) overrides.set(stage, [...(overrides.get(stage) ?? []), ...list])
  return {
    name: options.map(({ text }) => text).join(',') || 'default',
    values: Object.fromEntries(axes.map((axis, index) => [axis.name, options[index]?.value ?? null])),
    overrides,
  }
}
