/** An interval, 95 % where nothing else is said, as shares of one. */
export type Interval = { lower: number; upper: number }

/** The 97.5 % quantile of the standard normal distribution, to double precision. */
export const Z95 = 1.959963984540054

/**
 * Wilson's score interval for k successes in n trials, 95 % unless another quantile is given, without continuity correction. Unlike the textbook interval it
 * stays inside [0, 1] and says something at 0/n and n/n, where small evaluations live.
 *
 * Source: E. B. Wilson, JASA 22 (1927) 209–212; recommended by L. D. Brown, T. T. Cai and A. DasGupta, Statistical Science
 * 16 (2001) 101–133; method 3 of R. G. Newcombe, Statistics in Medicine 17 (1998) 857–872.
 * @throws RangeError when k and n aren't whole numbers with 0 ≤ k ≤ n and n ≥ 1
 */
export function wilson(k: number, n: number, z = Z95): Interval {
  if (!Number.isSafeInteger(k) || !Number.isSafeInteger(n) || n < 1 || k < 0 || k > n) {
    throw new RangeError(`expected whole numbers 0 ≤ k ≤ n, n ≥ 1, found k = ${k}, n = ${n}`)
  }
  const z2 = z * z
  const middle = (k + z2 / 2) / (n + z2)
  const half = (z / (n + z2)) * Math.sqrt((k * (n - k)) / n + z2 / 4)
  // At the ends the formula gives 0 and 1 exactly; floating point doesn't always.
  return { lower: k === 0 ? 0 : Math.max(0, middle - half), upper: k === n ? 1 : Math.min(1, middle + half) }
}
