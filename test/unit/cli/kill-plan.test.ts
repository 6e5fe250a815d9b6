import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planKills } from '../../../orchestrator/cli/certify/kill-plan.ts'

const reports = (count: number, each = 1) =>
  Array.from({ length: count }, (_, n) => ({ step: (n + 1) * each, at: n * 100 }))
const few = { seed: 1, kills: 1, ranks: 2, attempt: 0 }

test('a kill comes after the first save, before the end, at a step that is reported, and no later than the next report', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 400 }),
      fc.integer({ min: 1, max: 10 }),
      fc.record({
        seed: fc.nat(),
        kills: fc.integer({ min: 1, max: 4 }),
        ranks: fc.integer({ min: 1, max: 8 }),
        attempt: fc.nat(3),
      }),
      (count, each, how) => {
        const plan = planKills(reports(count, each), how)
        expect(plan).toEqual(planKills(reports(count, each), how))
        if (plan === null) throw new Error('there is room for a kill')
        expect(plan.kills).toHaveLength(how.kills)
        expect(plan.kills.map(({ step }) => step)).toEqual(plan.kills.map(({ step }) => step).sort((a, b) => a - b))
        for (const { step, delayMs, rank } of plan.kills) {
          expect(step > plan.every && step < count * each && step % each === 0).toBe(true)
          expect(delayMs >= 0 && delayMs < 100).toBe(true)
          expect(rank).toBeLessThan(how.ranks)
        }
      },
    ),
  )
})

test('another seed kills at another step, and every possible step comes up', () => {
  const steps = new Set(
    Array.from({ length: 200 }, (_, seed) => planKills(reports(12), { ...few, seed })?.kills[0]?.step),
  )
  expect([...steps].sort((a, b) => Number(a) - Number(b))).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11])
})

test('a later try kills earlier', () => {
  for (let seed = 0; seed < 50; seed += 1)
    expect(planKills(reports(101), { ...few, seed, attempt: 3 })?.kills[0]?.step).toBeLessThan(40)
})

test.each([0, 1, 2])('%d reports leave no room for a kill', (count) => {
  expect(planKills(reports(count), few)).toBeNull()
})
