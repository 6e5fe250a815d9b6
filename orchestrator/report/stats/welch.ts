import { studentCritical, studentTwoSided } from './student.ts'
import type { Interval } from './wilson.ts'

/** Successes of one policy in n trials. */
export type Outcome = { k: number; n: number }

export type MeanDifference = Interval & {
  value: number
  /** Two-sided p of no difference. */
  p: number
  degrees: number
}

/**
 * Difference of two recipes' success rates, each measured with several training seeds: the seeds, not the trials, are what
 * was drawn at random, so they are what is counted. Welch's t, whose variances may differ. Rates that agree by chance better
 * than coin flips would are not taken for certainty: the variance of a rate is never less than a binomial one.
 *
 * Source: B. L. Welch, Biometrika 34 (1947) 28–35; on seeds as the unit, X. Bouthillier et al., MLSys 2021.
 * @throws RangeError with fewer than two seeds on a side
 */
export function meanDifference(first: readonly Outcome[], second: readonly Outcome[], level = 0.05): MeanDifference {
  const found = difference([summary(first), summary(second)], level)
  return { ...found, lower: Math.max(-1, found.lower), upper: Math.min(1, found.upper) }
}

/** One recipe's success rate over its training seeds, with Student's interval. @throws RangeError with fewer than two */
export function meanRate(outcomes: readonly Outcome[], level = 0.05): MeanDifference {
  const found = difference([summary(outcomes)], level)
  return { ...found, lower: Math.max(0, found.lower), upper: Math.min(1, found.upper) }
}

/** The same for measured numbers, one of each training seed: the first side's mean, less the second's where there is one. */
export function meanOfNumbers(
  first: readonly number[],
  second: readonly number[] | null,
  level = 0.05,
): MeanDifference {
  return difference([first, ...(second === null ? [] : [second])].map(ofNumbers), level)
}

type Summary = { count: number; mean: number; squaredError: number }

function difference([a, b]: Summary[], level: number): MeanDifference {
  if (a === undefined) throw new RangeError('expected a side')
  const value = a.mean - (b?.mean ?? 0)
  const error = a.squaredError + (b?.squaredError ?? 0)
  if (error === 0) return { value, lower: value, upper: value, p: value === 0 ? 1 : 0, degrees: a.count - 1 }
  const degrees =
    error ** 2 / [a, b].reduce((sum, side) => sum + (side ? side.squaredError ** 2 / (side.count - 1) : 0), 0)
  const half = studentCritical(level, degrees) * Math.sqrt(error)
  const p = studentTwoSided(value / Math.sqrt(error), degrees)
  return { value, lower: value - half, upper: value + half, p, degrees }
}

function ofNumbers(values: readonly number[]): Summary {
  const count = values.length
  if (count < 2) throw new RangeError(`expected two seeds or more, found ${count}`)
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1)
  return { count, mean, squaredError: variance / count }
}

function summary(outcomes: readonly Outcome[]): Summary {
  const count = outcomes.length
  if (count < 2) throw new RangeError(`expected two seeds or more, found ${count}`)
  const rates = outcomes.map(({ k, n }) => k / n)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / count
  const between = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / (count - 1)
  // One success and one failure more than were seen: else none, or all, would be certain.
  const [k, n] = outcomes.reduce(([k, n], one) => [k + one.k, n + one.n], [0, 0])
  const rate = (k + 1) / (n + 2)
  const binomial = (rate * (1 - rate) * count) / n
  return { count, mean, squaredError: Math.max(between, binomial) / count }
}
