import { pEquals, plural, points, pointsInterval } from './figures.ts'
import type { ReportCell, ReportInput } from './input.ts'
import { groupRows, type RowGroup, seedOf } from './rows.ts'
import { holm } from './stats/holm.ts'
import { mcnemar, type Pairs } from './stats/mcnemar.ts'
import { pairedDifference } from './stats/paired-difference.ts'
import type { Interval } from './stats/wilson.ts'
import { differenceOf, pair, sameTrials, trialSet } from './trials.ts'

/** Below this p a difference counts as shown. */
export const LEVEL = 0.05

export type Verdict = 'better' | 'worse' | 'no difference shown'

type Sides = {
  row: string
  baseline: string
  /** `full`, or `full, seed 0` where a row has several. */
  first: string
  second: string
  /** Training seeds a side. */
  seeds: number
}

export type Tested = Sides & {
  kind: 'tested'
  pairs: Pairs
  n: number
  difference: Interval & { value: number }
  /** After Holm's correction over all tests of the report. */
  p: number
  rawP: number
  /** Tests that the correction is over. */
  tests: number
  verdict: Verdict
}

export type Comparison = Tested | (Sides & { kind: 'refused'; reason: string })

/** Each row against the baseline, one policy against one policy on the same trials, or the reason why not. */
export function comparisons(input: ReportInput): Comparison[] {
  const groups = groupRows(input)
  const baseline = groups.find((group) => group.baseline)
  if (!baseline) return []
  const raw = groups.filter((group) => group !== baseline).flatMap((group) => against(input, group, baseline))
  const tested = raw.filter((one) => one.kind === 'tested')
  const adjusted = holm(tested.map(({ rawP }) => rawP))
  return raw.map((one) => {
    if (one.kind === 'refused') return one
    const p = adjusted[tested.indexOf(one)] ?? one.rawP
    const verdict = p >= LEVEL ? 'no difference shown' : one.difference.value > 0 ? 'better' : 'worse'
    return { ...one, p, tests: tested.length, verdict }
  })
}

function against(input: ReportInput, row: RowGroup, baseline: RowGroup): Comparison[] {
  const seeds = Math.max(row.cells.length, baseline.cells.length)
  return row.cells.map((cell) => {
    const seed = seedOf(cell, input.spec.rows)
    const partner = partnerOf(input, cell, row, baseline)
    const named = (group: RowGroup, own: string) =>
      group.cells.length > 1 && own ? `${group.name}, ${own}` : group.name
    const sides = {
      row: row.name,
      baseline: baseline.name,
      first: named(row, seed),
      second: named(baseline, partner ? seedOf(partner, input.spec.rows) : ''),
      seeds,
    }
    const refused = (reason: string): Comparison => ({ ...sides, kind: 'refused', reason })
    if (!partner) return refused(`${baseline.name} has no cell with ${seed || 'the same values'}`)
    return test(input, cell, partner, sides, refused)
  })
}

const partnerOf = ({ spec }: ReportInput, cell: ReportCell, row: RowGroup, baseline: RowGroup) =>
  row.cells.length === 1 && baseline.cells.length === 1
    ? baseline.cells[0]
    : baseline.cells.find((other) => seedOf(other, spec.rows) === seedOf(cell, spec.rows))

function test(
  input: ReportInput,
  a: ReportCell,
  b: ReportCell,
  sides: Sides,
  refused: (why: string) => Comparison,
): Comparison {
  const [setA, setB] = [trialSet(input, a.name, 'trained'), trialSet(input, b.name, 'trained')]
  for (const { cell, set, name } of [
    { cell: a, set: setA, name: sides.first },
    { cell: b, set: setB, name: sides.second },
  ]) {
    if (set === null) return refused(`a trial of ${name} is recorded twice`)
    if (set.size === 0) return refused(withoutTrials(cell, name))
  }
  if (!setA || !setB) return refused('no trials')
  if (!sameTrials(setA, setB)) return refused(differenceOf(setA, setB, sides.first, sides.second))
  const pairs = pair(setA, setB)
  const rawP = mcnemar(pairs.onlyFirst, pairs.onlySecond)
  const n = setA.size
  const difference = pairedDifference(pairs)
  return { ...sides, kind: 'tested', pairs, n, difference, p: rawP, rawP, tests: 1, verdict: 'no difference shown' }
}

function withoutTrials(cell: ReportCell, name: string): string {
  switch (cell.state) {
    case 'running':
      return `${name} has no trials yet`
    case 'failed':
      return `${name} failed before its trials`
    case 'cancelled':
      return `${name} was cancelled before its trials`
    case 'succeeded':
      return `${name} left no records of single trials, and only the same trials can be compared`
  }
}

/** `full against no-depth-expert: no difference shown (exact McNemar p = 1.00, 40 paired trials, one seed: policies, not recipes)` */
export function comparisonSentence(comparison: Comparison): string {
  const start = `${comparison.first} against ${comparison.second}:`
  if (comparison.kind === 'refused') return `${start} not compared, ${comparison.reason}`
  const { verdict, difference, p, tests, n, seeds } = comparison
  const shown =
    verdict === 'no difference shown'
      ? verdict
      : `${verdict}, ${points(difference.value)} points ${pointsInterval(difference)}`
  const corrected = tests > 1 ? ` after Holm's correction for ${tests}` : ''
  const seed = seeds > 1 ? 'one seed of each' : 'one seed'
  return `${start} ${shown} (exact McNemar ${pEquals(p)}${corrected}, ${plural(n, 'paired trial')}, ${seed}: policies, not recipes)`
}
