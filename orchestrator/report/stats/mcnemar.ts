/** Outcomes of two policies on the same trials. */
export type Pairs = {
  both: number
  /** Trials that only the first policy solved. */
  onlyFirst: number
  /** Trials that only the second policy solved. */
  onlySecond: number
  neither: number
}

/**
 * Exact two-sided McNemar test: under the null hypothesis each discordant pair is a fair coin, so
 * p = min(1, 2 · P(X ≤ min(b, c))), X ~ Binomial(b + c, ½). In whole numbers, so nothing is lost in a far tail.
 *
 * Source: Q. McNemar, Psychometrika 12 (1947) 153–157; the exact conditional form as in M. W. Fagerland, S. Lydersen and
 * P. Laake, BMC Medical Research Methodology 13 (2013) 91.
 * @throws RangeError when the counts aren't whole and non-negative
 */
export function mcnemar(onlyFirst: number, onlySecond: number): number {
  for (const count of [onlyFirst, onlySecond]) {
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`expected a count, found ${count}`)
  }
  const n = onlyFirst + onlySecond
  if (n === 0) return 1
  let choose = 1n // n over i
  let tail = 0n
  for (let i = 0; i <= Math.min(onlyFirst, onlySecond); i++) {
    tail += choose
    choose = (choose * BigInt(n - i)) / BigInt(i + 1)
  }
  return Math.min(1, ratio(2n * tail, n))
}

/** numerator / 2^power as a number, also where either alone is beyond what a number can hold. */
function ratio(numerator: bigint, power: number): number {
  const bits = numerator.toString(2).length
  const shift = Math.max(0, bits - 64) // 64 leading bits are more than a number keeps
  return Number(numerator >> BigInt(shift)) * 2 ** (shift - power)
}
