import type { MetricValue } from '../protocol/worker-event.ts'
import type { ReportCell, ReportInput, RunState } from './input.ts'
import { originNotes } from './merge-runs.ts'
import { type MetricColumn, metricColumns } from './metric-columns.ts'
import { placeNotesOf } from './placement.ts'
import { groupRows, type RowGroup } from './rows.ts'
import { sanityRows } from './sanity-rows.ts'
import { sameTrials, type TrialSet, trialSet } from './trials.ts'
import { counted, meanOf, missingFor, sum, tally, type Value } from './values.ts'

export type Row = {
  name: string
  kind: 'cell' | 'sanity'
  cells: string[]
  baseline: boolean
  state: RunState
  /** In the order of the table's columns. */
  values: Value[]
  /** Over all columns together; only where every row with one stood before the same trials. */
  mean: Value
  /** In the order of the table's metrics. */
  metrics: Value[]
  /** What a reader must know of this row alone. */
  notes: string[]
}

export type Table = {
  /** Heading of the first column. */
  axis: string
  columns: string[]
  rows: Row[]
  metrics: MetricColumn[]
}

/** Outcomes of a row by column; `set` where there are records of single trials. */
type Outcome = { values: Map<string, Value>; set: TrialSet | null; notes: string[] }

export function buildTable(input: ReportInput): Table {
  const groups = groupRows(input)
  const outcomes = groups.map((group) => outcomeOf(input, group))
  const metrics = metricColumns(input)
  const columns = [...new Set(outcomes.flatMap(({ values }) => [...values.keys()]))]
  const reference = referenceSet(groups, outcomes)
  const placeNotes = placeNotesOf(input)
  const rows = groups.map((group, index): Row => {
    const outcome = outcomes[index] as Outcome
    const state = stateOf(group.cells)
    const missing = missingFor(state)
    const values = columns.map((column) => outcome.values.get(column) ?? missing)
    const other = outcome.set !== null && reference !== null && !sameTrials(outcome.set, reference)
    return {
      name: group.name,
      kind: 'cell',
      cells: group.cells.map(({ name }) => name),
      baseline: group.baseline,
      state,
      values,
      mean: other ? { kind: 'none' } : meanOf(values, missing),
      metrics: metrics.map(({ name }) => numbersOf(group.cells, name)),
      notes: [
        ...outcome.notes,
        ...(other ? [`other trials than the other rows (${outcome.set?.size} of ${reference?.size}): no mean`] : []),
        ...placeNotes(group.cells),
        ...originNotes(group.cells),
      ],
    }
  })
  return {
    axis: input.spec.rows ?? 'cell',
    columns,
    rows: [...rows, ...sanityRows(input, columns, reference, metrics.length)],
    metrics,
  }
}

/** Counts are read from trials where there are any, else from metrics `<value>.<column>`. */
function outcomeOf(input: ReportInput, { cells }: RowGroup): Outcome {
  const sets = cells.map((cell) => trialSet(input, cell.name, 'trained'))
  if (sets.includes(null)) {
    return { values: new Map(), set: null, notes: ['a trial is recorded twice: not counted'] }
  }
  const present = (sets as TrialSet[]).filter((set) => set.size > 0)
  if (present.length === 0) return outcomeOfMetrics(input, cells)
  const [first] = present as [TrialSet, ...TrialSet[]]
  if (present.length < cells.length) {
    return {
      values: new Map(),
      set: null,
      notes: [`${present.length} of ${cells.length} seeds have trials: not averaged`],
    }
  }
  if (!present.every((set) => sameTrials(set, first))) {
    return { values: new Map(), set: null, notes: ['the seeds stood before different trials: not averaged'] }
  }
  return { values: tally(present), set: first, notes: [] }
}

const reserved = new Set(['mean', 'untrained', 'expert'])

function outcomeOfMetrics({ spec }: ReportInput, cells: ReportCell[]): Outcome {
  const prefix = `${spec.value}.`
  const names = [...new Set(cells.flatMap(({ metrics }) => Object.keys(metrics)))].filter(
    (name) => name.startsWith(prefix) && !reserved.has(name.slice(prefix.length)),
  )
  return {
    values: new Map(names.map((name) => [name.slice(prefix.length), numbersOf(cells, name)])),
    set: null,
    notes: [],
  }
}

/** One metric over the cells of a row: counts are added, numbers stand side by side, and one missing makes it missing. */
function numbersOf(cells: ReportCell[], name: string): Value {
  const values = cells.map(({ metrics }) => metrics[name])
  if (values.some((value) => value === undefined)) return missingFor(stateOf(cells))
  const present = values as MetricValue[]
  const numbers = present.filter((value) => typeof value === 'number')
  if (numbers.length === present.length) return { kind: 'numbers', values: numbers }
  const counts = present.filter((value) => typeof value === 'object')
  if (counts.length < present.length) return { kind: 'none' }
  return counted(sum(counts.map(({ k }) => k)), sum(counts.map(({ n }) => n)))
}

/**
 * The trials that means are over: the baseline's where nobody has more, else the largest set. A row with others keeps its
 * counts and loses its mean, since it would be read against theirs.
 */
function referenceSet(groups: RowGroup[], outcomes: Outcome[]): TrialSet | null {
  const sets = outcomes.flatMap(({ set }, index) => (set ? [{ set, baseline: groups[index]?.baseline === true }] : []))
  const largest = Math.max(0, ...sets.map(({ set }) => set.size))
  const candidates = sets.filter(({ set }) => set.size === largest)
  return (candidates.find(({ baseline }) => baseline) ?? candidates[0])?.set ?? null
}

function stateOf(cells: ReportCell[]): RunState {
  const states = cells.map(({ state }) => state)
  return (['running', 'failed', 'cancelled'] as const).find((state) => states.includes(state)) ?? 'succeeded'
}
