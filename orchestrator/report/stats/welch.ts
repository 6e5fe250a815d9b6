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
  const [a, b] = [summary(first), summary(second)]
  const error = a.squaredError + b.squaredError
  const degrees = error ** 2 / (a.squaredError ** 2 / (first.length - 1) + b.squaredError ** 2 / (second.length - 1))
  const value = a.mean - b.mean
  const half = studentCritical(level, degrees) * Math.sqrt(error)
  const p = studentTwoSided(value / Math.sqrt(error), degrees)
  return { value, lower: Math.max(-1, value - half), upper: Math.min(1, value + half), p, degrees }
}

function summary(outcomes: readonly Outcome[]): { mean: number; squaredError: number } {
  const count = outcomes.length
  if (count < 2) throw new RangeError(`expected two seeds or more, found ${count}`)
  const rates = outcomes.map(({ k, n }) => k / n)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / count
  const between = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / (count - 1)
  // One success and one failure more than were seen: else none, or all, would be certain.
  const [k, n] = outcomes.reduce(([k, n], one) => [k + one.k, n + one.n], [0, 0])
  const rate = (k + 1) / (n + 2)
  const binomial = (rate * (1 - rate) * count) / n
  return { mean, squaredError: Math.max(between, binomial) / count }
}
