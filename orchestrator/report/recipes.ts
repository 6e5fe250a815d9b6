import { comparisonSentence, comparisons, LEVEL, type Verdict } from './compare.ts'
import { pEquals, percent, plural, points, pointsInterval } from './figures.ts'
import type { ReportInput } from './input.ts'
import { groupRows, type RowGroup } from './rows.ts'
import { holm } from './stats/holm.ts'
import { type MeanDifference, meanDifference, type Outcome } from './stats/welch.ts'
import { sameTrials, type TrialSet, trialSet } from './trials.ts'

/** Fewer training seeds a side say nothing of a recipe. */
export const SEEDS = 3

/** One way of training against another: what the seeds change is part of the doubt. */
export type Recipe = {
  row: string
  baseline: string
  /** Successes of each training seed, in the order of the cells. */
  first: Outcome[]
  second: Outcome[]
  difference: MeanDifference
  /** After Holm's correction over all recipes of the report. */
  p: number
  tests: number
  verdict: Verdict
}

/** Each row against the baseline as recipes, where both have seeds enough and all stood before the same trials. */
export function recipes(input: ReportInput): Recipe[] {
  const groups = groupRows(input)
  const baseline = groups.find((group) => group.baseline)
  if (!baseline) return []
  const raw = groups.filter((group) => group !== baseline).flatMap((group) => against(input, group, baseline))
  const adjusted = holm(raw.map(({ difference }) => difference.p))
  return raw.map((one, index) => {
    const p = adjusted[index] ?? one.difference.p
    const verdict = p >= LEVEL ? 'no difference shown' : one.difference.value > 0 ? 'better' : 'worse'
    return { ...one, p, tests: raw.length, verdict }
  })
}

function against(
  input: ReportInput,
  row: RowGroup,
  baseline: RowGroup,
): Pick<Recipe, 'row' | 'baseline' | 'first' | 'second' | 'difference'>[] {
  if (Math.min(row.cells.length, baseline.cells.length) < SEEDS) return []
  const sets = [...row.cells, ...baseline.cells].map((cell) => trialSet(input, cell.name, 'trained'))
  const [reference] = sets
  if (!reference?.size || !sets.every((set) => set !== null && sameTrials(set, reference))) return []
  const outcomes = sets.map((set) => outcomeOf(set as TrialSet))
  const [first, second] = [outcomes.slice(0, row.cells.length), outcomes.slice(row.cells.length)]
  return [{ row: row.name, baseline: baseline.name, first, second, difference: meanDifference(first, second) }]
}

const outcomeOf = (set: TrialSet): Outcome => ({
  k: [...set.values()].filter(({ success }) => success).length,
  n: set.size,
})

/** What the report compares, in sentences: recipes, and of rows that can't be compared as such their policies. */
export function comparedSentences(input: ReportInput): string[] {
  const compared = recipes(input)
  const rows = new Set(compared.map(({ row }) => row))
  const policies = comparisons(input).filter(({ row }) => !rows.has(row))
  return [...compared.map(recipeSentence), ...policies.map(comparisonSentence)]
}

/** `full against no-depth-expert, as recipes: better, +8.3 points [+1.2, +15.4] (…)` */
export function recipeSentence(recipe: Recipe): string {
  const { row, baseline, difference, p, tests, verdict, first, second } = recipe
  const corrected = tests > 1 ? ` after Holm's correction for ${tests}` : ''
  const figures = `${points(difference.value)} points ${pointsInterval(difference)}`
  const seeds =
    first.length === second.length
      ? `${plural(first.length, 'training seed')} a side`
      : `${first.length} and ${second.length} training seeds`
  return `${row} against ${baseline}, as recipes: ${verdict}, ${figures} (Welch's t over ${seeds}, ${pEquals(p)}${corrected}; by seed ${rates(first)} against ${rates(second)})`
}

const rates = (outcomes: Outcome[]): string => outcomes.map(({ k, n }) => percent(k / n)).join(', ')
