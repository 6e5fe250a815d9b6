import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { holm } from '../../../orchestrator/report/stats/holm.ts'
import { mcnemar } from '../../../orchestrator/report/stats/mcnemar.ts'
import { pairedDifference } from '../../../orchestrator/report/stats/paired-difference.ts'
import { wilson } from '../../../orchestrator/report/stats/wilson.ts'

describe('wilson', () => {
  // The first four: Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3. Then the first-born of Singh et al. (2010)
  // as in Fagerland, Lydersen and Laake, Statistical Analysis of Contingency Tables, and what an evaluation of this size meets.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [250, 533, 0.427, 0.5115],
    [20, 20, 0.8389, 1],
    [39, 40, 0.8712, 0.9956],
    [40, 40, 0.9124, 1],
    [0, 40, 0, 0.0876],
  ])('%i of %i is within [%f, %f]', (k, n, lower, upper) => {
    const found = wilson(k, n)
    expect(found.lower).toBeCloseTo(lower, 4)
    expect(found.upper).toBeCloseTo(upper, 4)
  })

  const trials = fc
    .integer({ min: 1, max: 100_000 })
    .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)))

  test('it holds the rate, stays within none and all, and mirrors failures', () => {
    fc.assert(
      fc.property(trials, ([k, n]) => {
        const [found, mirrored] = [wilson(k, n), wilson(n - k, n)]
        expect(found.lower).toBeGreaterThanOrEqual(0)
        expect(found.upper).toBeLessThanOrEqual(1)
        expect(found.lower).toBeLessThanOrEqual(k / n)
        expect(found.upper).toBeGreaterThanOrEqual(k / n)
        expect(1 - mirrored.upper).toBeCloseTo(found.lower, 12)
      }),
    )
  })

  test.each([
    [0, 0],
    [5, 4],
    [-1, 4],
    [0.5, 4],
    [1, Number.NaN],
  ])('%d of %d is refused', (k, n) => {
    expect(() => wilson(k, n)).toThrow(RangeError)
  })
})

describe('mcnemar', () => {
  // Airway responsiveness (Bentur et al., 2009) and response to therapy (Cavo et al., 2012), exact conditional p as in
  // Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91 and the R package contingencytables.
  test.each([
    [1, 7, 0.0703125],
    [6, 16, 0.052479],
    [0, 0, 1],
    [0, 1, 1],
    [0, 5, 0.0625],
    [0, 6, 0.03125],
    [3, 3, 1],
    [118, 45, 9.7366e-9],
  ])('%i against %i discordant pairs: p = %f', (b, c, p) => {
    expect(mcnemar(b, c) / p).toBeCloseTo(1, 2)
    expect(mcnemar(c, b)).toBe(mcnemar(b, c))
  })

  test('a far tail is small, not zero and not wrong', () => {
    expect(mcnemar(0, 1000)).toBe(2 ** -999)
  })

  test('it is a probability, and falls as the split grows more uneven', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 200 }), (b, c) => {
        const p = mcnemar(b, c)
        expect(p).toBeGreaterThan(0)
        expect(p).toBeLessThanOrEqual(1)
        if (b <= c) expect(mcnemar(b - 1, c + 1)).toBeLessThanOrEqual(p)
      }),
    )
  })

  test.each([[-1], [0.5], [Number.NaN]])('%d is no count', (count) => {
    expect(() => mcnemar(count, 1)).toThrow(RangeError)
  })
})

describe('pairedDifference', () => {
  // The same two studies, Newcombe's method 10: Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850.
  test.each([
    [{ both: 1, onlyFirst: 1, onlySecond: 7, neither: 12 }, -0.2857, -0.5069, -0.0256],
    [{ both: 59, onlyFirst: 6, onlySecond: 16, neither: 80 }, -0.0621, -0.1186, -0.0046],
  ])('%o', (pairs, value, lower, upper) => {
    const found = pairedDifference(pairs)
    expect(found.value).toBeCloseTo(value, 4)
    expect(found.lower).toBeCloseTo(lower, 4)
    expect(found.upper).toBeCloseTo(upper, 4)
  })

  const count = fc.integer({ min: 0, max: 300 })

  test('it holds the difference, stays within −1 and 1, and turns round with the sides', () => {
    fc.assert(
      fc.property(count, count, count, count, (both, onlyFirst, onlySecond, neither) => {
        fc.pre(both + onlyFirst + onlySecond + neither > 0)
        const found = pairedDifference({ both, onlyFirst, onlySecond, neither })
        const turned = pairedDifference({ both, onlyFirst: onlySecond, onlySecond: onlyFirst, neither })
        expect(found.lower).toBeGreaterThanOrEqual(-1)
        expect(found.upper).toBeLessThanOrEqual(1)
        expect(found.lower).toBeLessThanOrEqual(found.value)
        expect(found.upper).toBeGreaterThanOrEqual(found.value)
        expect(turned.lower).toBeCloseTo(-found.upper, 12)
      }),
    )
  })
})

describe('holm', () => {
  test.each([
    [[], []],
    [[0.04], [0.04]],
    [
      [0.01, 0.04, 0.03],
      [0.03, 0.06, 0.06],
    ],
    // R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    [
      [0.01, 0.02, 0.03, 0.04, 0.05],
      [0.05, 0.08, 0.09, 0.09, 0.09],
    ],
    [
      [0.9, 0.8],
      [1, 1],
    ],
  ])('%j becomes %j', (p, adjusted) => {
    expect(holm(p).map((value) => Number(value.toFixed(10)))).toEqual(adjusted)
  })

  test('no p gets smaller, their order stays, and Bonferroni is never exceeded', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (p) => {
        const adjusted = holm(p)
        p.forEach((value, index) => {
          const own = adjusted[index] as number
          expect(own).toBeGreaterThanOrEqual(value)
          expect(own).toBeLessThanOrEqual(Math.min(1, value * p.length) + 1e-12)
          p.forEach((other, place) => {
            if (other < value) expect(adjusted[place] as number).toBeLessThanOrEqual(own)
          })
        })
      }),
    )
  })
})
