import type { Term } from '../../spec/gates/gate.ts'
import type { ReportCell, ReportInput } from '../input.ts'
import { groupRows } from '../rows.ts'
import type { Outcome } from '../stats/welch.ts'
import { type TrialSet, trialSet } from '../trials.ts'

/** A metric of a row, by cell: counts of trials, with their records where there are any, or numbers. */
export type Side = { name: string } & (
  | { kind: 'missing'; reason: string }
  | { kind: 'counts'; outcomes: Outcome[]; sets: (TrialSet | null)[] }
  | { kind: 'numbers'; values: number[] }
)

type Found = { outcome: Outcome; set: TrialSet | null } | number

/** What a run has measured of a term. A metric that some cells of the row lack is missing: a mean of the rest isn't the row's. */
export function sideOf(input: ReportInput, { metric, variant }: Term): Side {
  const row = groupRows(input).find(({ name }) => name === variant)
  const cells = row?.cells ?? input.cells.filter(({ name }) => name === variant)
  const missing = (reason: string): Side => ({ name: variant, kind: 'missing', reason })
  if (cells.length === 0) return missing(`this run has no row or cell ${variant}`)
  const found: Found[] = []
  for (const cell of cells) {
    const value = measuredBy(input, cell, metric)
    if (typeof value === 'string') return missing(value)
    found.push(value)
  }
  const numbers = found.filter((value) => typeof value === 'number')
  const counts = found.filter((value) => typeof value === 'object')
  if (numbers.length > 0 && counts.length > 0) return missing(`${metric} of ${variant} is a count in some cells only`)
  return numbers.length > 0
    ? { name: variant, kind: 'numbers', values: numbers }
    : {
        name: variant,
        kind: 'counts',
        outcomes: counts.map(({ outcome }) => outcome),
        sets: counts.map(({ set }) => set),
      }
}

/** The value, or why there is none. */
function measuredBy(input: ReportInput, cell: ReportCell, metric: string): Found | string {
  if (metric === 'success' && input.trials[cell.name] !== undefined) {
    const set = trialSet(input, cell.name, 'trained')
    if (set === null) return `a trial of ${cell.name} is recorded twice`
    const k = [...set.values()].filter(({ success }) => success).length
    if (set.size > 0) return { outcome: { k, n: set.size }, set }
  }
  const value = Object.hasOwn(cell.metrics, metric) ? cell.metrics[metric] : undefined
  if (typeof value === 'number') return Number.isFinite(value) ? value : `${metric} of ${cell.name} is ${value}`
  if (value !== undefined && value.n > 0) return { outcome: { k: value.k, n: value.n }, set: null }
  const measured = Object.keys(cell.metrics).slice(0, 6).join(', ')
  return `${cell.name} (${cell.state}) has no ${metric}${measured === '' ? '' : `; it has ${measured}`}`
}
