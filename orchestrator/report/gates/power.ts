import { studentCritical } from '../stats/student.ts'
import type { Estimate } from './verdict.ts'

/** Beyond this nobody waits for an answer. */
const reach = 100

/**
 * How many in all would bring the interval clear of the bound, if the value and the spread stay as they are; null beyond a
 * hundred times as many. An estimate: what is added will have values of its own.
 */
export function trialsNeeded({ value, lower, upper }: Estimate, bound: number, now: number): number | null {
  const gap = Math.abs(value - bound)
  const half = (upper - lower) / 2
  const needed = Math.ceil(now * (half / gap) ** 2)
  return Number.isFinite(needed) && needed <= now * reach ? Math.max(needed, now + 1) : null
}

/** The same for seeds a side, where more of them also make Student's interval narrower. */
export function seedsNeeded(
  { value, lower, upper }: Estimate,
  bound: number,
  now: number,
  degrees: number,
  level: number,
): number | null {
  const gap = Math.abs(value - bound)
  const error = (upper - lower) / 2 / studentCritical(level, degrees)
  const clear = (count: number) =>
    studentCritical(level, (degrees * (count - 1)) / (now - 1)) * error * Math.sqrt(now / count) <= gap
  if (!clear(now * reach)) return null
  let [low, high] = [now, now * reach]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (clear(middle)) high = middle
    else low = middle
  }
  return high
}
