import { expect, test } from 'vitest'
import { outcomeOf } from '../../../orchestrator/report/gates/verdict.ts'
import { levelAt } from '../../../orchestrator/report/stats/sequential.ts'
import { meanDifference, type Outcome } from '../../../orchestrator/report/stats/welch.ts'

/** Mulberry32: the same draws on every machine. */
function draws(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A training seed of one recipe: its rate varies by three points, its trials are coins. */
function train(draw: () => number): Outcome {
  const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())
  const rate = 0.7 + 0.03 * normal
  const n = 120
  return { k: Array.from({ length: n }, draw).filter((value) => value < rate).length, n }
}

/** Of comparisons of a recipe with itself: how many find a difference at any look, for better or worse. Each look adds a seed. */
function falseAlarms(comparisons: number, looks: number, levelOf: (look: number) => number): number {
  const draw = draws(20_251)
  let failed = 0
  for (let i = 0; i < comparisons; i++) {
    const [a, b]: [Outcome[], Outcome[]] = [[], []]
    for (let look = 1; look <= looks; look++) {
      while (a.length < 2 + look) {
        a.push(train(draw))
        b.push(train(draw))
      }
      const found = meanDifference(a, b, levelOf(look))
      const fails = (operator: '>=' | '<=') => outcomeOf(found, { operator, offset: 0 }) === 'fail'
      if (!fails('>=') && !fails('<=')) continue
      failed++
      break
    }
  }
  return failed / comparisons
}

test('a recipe compared with itself fails falsely at most one time in twenty at one look', () => {
  const share = falseAlarms(3000, 1, () => 0.05)
  expect(share).toBeLessThanOrEqual(0.05)
  expect(share).toBeGreaterThan(0)
})

test('and at most one time in twenty in ten looks, where looking ten times at 5 % would not hold', () => {
  expect(falseAlarms(600, 10, (look) => levelAt(look, 0.05))).toBeLessThanOrEqual(0.05)
  expect(falseAlarms(600, 10, () => 0.05)).toBeGreaterThan(0.05)
})
