import { studentCritical } from './student.ts'

/**
 * The level of look k = 1, 2, … at data that grow, when the answer may be taken at any of them: α / (k (k + 1)). These sum to α
 * over any number of looks, so the chance of a wrong answer at any of them is at most α, however often one looks and whatever
 * the looks have in common (Bonferroni's inequality). Each look is wider than it need be; none has to be planned.
 *
 * Source: alpha spending as in K. K. G. Lan and D. L. DeMets, Biometrika 70 (1983) 659–663, with Σ 1/(k (k + 1)) = 1.
 * @throws RangeError when the look isn't a whole number ≥ 1
 */
export function levelAt(look: number, level: number): number {
  if (!Number.isSafeInteger(look) || look < 1) throw new RangeError(`expected a look ≥ 1, found ${look}`)
  return level / (look * (look + 1))
}

/** The z that |Z| exceeds with this probability: Student's at so many degrees, larger than the normal one by less than 1e-4. */
export const normalCritical = (level: number): number => studentCritical(level, 1e5)
