import { expect, test } from 'vitest'
import { growth, standing } from '../../../orchestrator/report/gates/grow.ts'
import type { Verdict } from '../../../orchestrator/report/gates/verdict.ts'

const verdict = (changes: Partial<Verdict>): Verdict => ({
  ...{ gate: 'g', kind: 'recipe', outcome: 'undecided', value: 0, lower: -1, upper: 1, bound: 0, unit: 'share' },
  ...{ level: 0.05, seeds: 3, trials: null, reason: '', more: null, until: null },
  counts: changes.outcome ?? 'undecided',
  ...changes,
})

test('seeds grow by half up to the limit, trials double, and what is decided or without a limit does not grow', () => {
  const seeds = (now: number, most: number) => growth([verdict({ seeds: now, until: { seeds: most } })], null)
  expect([seeds(1, 10), seeds(3, 10), seeds(5, 10), seeds(8, 10), seeds(10, 10)].map((one) => one?.seeds)).toEqual([
    3,
    5,
    8,
    10,
    undefined,
  ])
  const policy = verdict({ kind: 'policy', seeds: null, trials: 40 })
  expect(growth([policy], { trials: 70 })).toEqual({ seeds: null, trials: { from: 40, to: 70 } })
  expect(growth([policy], { seeds: 10 })).toBeNull()
  expect(growth([policy], null)).toBeNull()
  expect(growth([policy, verdict({ outcome: 'fail' })], { trials: 400 })).toBeNull()
  expect(growth([verdict({ outcome: 'pass', until: { seeds: 9 } })], null)).toBeNull()
})

test('an answer once taken stands', () => {
  const [passed, open] = [verdict({ outcome: 'pass', level: 0.025 }), verdict({ level: 0.025 })]
  const later = [verdict({ level: 0.008 }), verdict({ outcome: 'fail', level: 0.008 })]
  expect(standing([passed, open], later)).toEqual([passed, later[1]])
  expect(standing([], later)).toEqual(later)
})
