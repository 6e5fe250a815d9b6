import type { ReportInput, Trial } from './input.ts'
import type { Row } from './table.ts'
import { sameOutcomes, sameTrials, type TrialSet, trialSet } from './trials.ts'
import { counted, meanOf, missingFor, tally, type Value } from './values.ts'

/**
 * What the trials can tell apart at all: a policy that has learnt nothing, and the expert. Each cell measures its own; where
 * all agree trial by trial they are one row, else a row for each cell, never a sum that counts a trial twice.
 */
export function sanityRows(input: ReportInput, columns: string[], reference: TrialSet | null, metrics: number): Row[] {
  return (['untrained', 'expert'] as const).flatMap((policy) => {
    const found = sidesOf(input, policy)
    if (found.length === 0) return fromMetrics(input, policy, columns, metrics)
    const [first] = found as [Side, ...Side[]]
    const agree = found.every(({ set }) => sameOutcomes(set, first.set))
    return (agree ? [{ ...first, name: policy, cells: found.flatMap(({ cells }) => cells) }] : found).map((side) =>
      rowOf(side, columns, reference, metrics),
    )
  })
}

type Side = { name: string; cells: string[]; set: TrialSet }

const sidesOf = (input: ReportInput, policy: Trial['policy']): Side[] =>
  input.cells.flatMap(({ name }) => {
    const set = trialSet(input, name, policy)
    return set && set.size > 0 ? [{ name: `${policy}, ${name}`, cells: [name], set }] : []
  })

function rowOf({ name, cells, set }: Side, columns: string[], reference: TrialSet | null, metrics: number): Row {
  const counts = tally([set])
  const other = reference !== null && !sameTrials(set, reference)
  const values = columns.map((column): Value => counts.get(column) ?? { kind: 'none' })
  return {
    ...blank(name, cells, columns, metrics),
    values,
    mean: other ? { kind: 'none' } : meanOf(values, { kind: 'none' }),
    notes: other ? [`other trials than the rows above (${set.size} of ${reference.size}): no mean`] : [],
  }
}

/** Without records of single trials there is only the sum that the worker reported, `success.untrained`. */
function fromMetrics({ cells, spec }: ReportInput, policy: string, columns: string[], metrics: number): Row[] {
  const name = `${spec.value}.${policy}`
  const found = cells.flatMap((cell) => {
    const value = cell.metrics[name]
    return typeof value === 'object' ? [{ cell: cell.name, ...value }] : []
  })
  const [first] = found
  if (!first) return []
  const agree = found.every(({ k, n }) => k === first.k && n === first.n)
  return (agree ? [first] : found).map(({ cell, k, n }) => ({
    ...blank(agree ? policy : `${policy}, ${cell}`, agree ? found.map((one) => one.cell) : [cell], columns, metrics),
    mean: counted(k, n),
  }))
}

const blank = (name: string, cells: string[], columns: string[], metrics: number): Row => ({
  name,
  kind: 'sanity',
  cells,
  baseline: false,
  state: 'succeeded',
  values: columns.map(() => missingFor('succeeded')),
  mean: missingFor('succeeded'),
  metrics: Array.from({ length: metrics }, () => missingFor('succeeded')),
  notes: [],
})
