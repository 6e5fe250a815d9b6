import type { Pairs } from './mcnemar.ts'
import { type Interval, wilson, Z95 } from './wilson.ts'

/**
 * First minus second success rate on the same trials, with a 95 % interval that uses the pairing: Wilson's intervals of both,
 * squared and added, less what their correlation φ accounts for. Holds at 0/n and n/n, where the usual one collapses.
 *
 * Source: method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998) 2635–2650.
 * @throws RangeError when there are no pairs
 */
export function pairedDifference(pairs: Pairs, z = Z95): Interval & { value: number } {
  const { both, onlyFirst, onlySecond, neither } = pairs
  const n = both + onlyFirst + onlySecond + neither
  const first = both + onlyFirst
  const second = both + onlySecond
  const [i1, i2] = [wilson(first, n, z), wilson(second, n, z)]
  const [p1, p2] = [first / n, second / n]
  const phi = correlation(pairs, first, second, n)
  const down = squareAndAdd(p1 - i1.lower, i2.upper - p2, phi)
  const up = squareAndAdd(i1.upper - p1, p2 - i2.lower, phi)
  const value = (onlyFirst - onlySecond) / n
  return { value, lower: Math.max(-1, value - down), upper: Math.min(1, value + up) }
}

/** φ with Newcombe's continuity correction, which only ever widens the interval; 0 where a margin is empty. */
function correlation(
  { both, onlyFirst, onlySecond, neither }: Pairs,
  first: number,
  second: number,
  n: number,
): number {
  const margins = first * (n - first) * second * (n - second)
  if (margins === 0) return 0
  const product = both * neither - onlyFirst * onlySecond
  const corrected = product > 0 ? Math.max(product - n / 2, 0) : product
  return corrected / Math.sqrt(margins)
}

const squareAndAdd = (a: number, b: number, phi: number) => Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b))
