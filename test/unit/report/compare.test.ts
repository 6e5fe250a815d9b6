import { describe, expect, test } from 'vitest'
import { comparisonSentence, comparisons } from '../../../orchestrator/report/compare.ts'
import type { ReportCell, ReportInput, RunState, Trial } from '../../../orchestrator/report/input.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const sentences = (input: ReportInput) => comparisons(input).map(comparisonSentence)
const losing = (n: number) => Array.from({ length: n }, (_, trial) => `drawer-open-v3/${trial}`)

/** Cells by name, each a variant. */
function variants(trials: Record<string, Trial[]>): ReportInput {
  const [cell] = reportInput().cells as [ReportCell]
  return reportInput({
    trials,
    cells: Object.keys(trials).map((name) => ({ ...cell, name, values: { variant: name } })),
  })
}

test('a difference that isn’t shown is said as that', () => {
  expect(sentences(reportInput())).toEqual([
    'full against no-depth-expert: no difference shown (exact McNemar p = 1.00, 40 paired trials, one seed: policies, not recipes)',
  ])
})

test('a shown difference carries its sign and interval', () => {
  expect(sentences(reportInput({ trials: { full: trialsOf([]), 'no-depth-expert': trialsOf(losing(10)) } }))).toEqual([
    'full against no-depth-expert: better, +25.0 points [+11.1, +40.2] (exact McNemar p = 0.002, 40 paired trials, one seed: policies, not recipes)',
  ])
})

test('several comparisons are corrected together', () => {
  const trials = { full: trialsOf([]), frozen: trialsOf(losing(9)), 'no-depth-expert': trialsOf(losing(6)) }
  const [full, frozen] = comparisons(variants(trials))
  expect(full).toMatchObject({ kind: 'tested', rawP: 0.03125, p: 0.0625, tests: 2, verdict: 'no difference shown' })
  expect(frozen).toMatchObject({ rawP: 0.25, p: 0.25, verdict: 'no difference shown' })
  expect(comparisonSentence(full as NonNullable<typeof full>)).toContain(
    "p = 0.063 after Holm's correction for 2, 40 paired trials",
  )
})

test('trials are paired by task, trial and initial state, in whatever order they come', () => {
  const shuffled = trialsOf(['drawer-open-v3/7']).reverse()
  expect(comparisons(reportInput({ trials: { full: shuffled, 'no-depth-expert': trialsOf([]) } }))[0]).toMatchObject({
    pairs: { both: 39, onlyFirst: 0, onlySecond: 1, neither: 0 },
  })
})

describe('it refuses, with the reason,', () => {
  test('when one side has fewer trials', () => {
    expect(sentences(reportInput({ trials: { full: trialsOf([], 18), 'no-depth-expert': trialsOf([]) } }))).toEqual([
      'full against no-depth-expert: not compared, the trial sets differ: 36 of 40 trials are in both; full lacks 4 (button-press-topdown-v3, drawer-open-v3)',
    ])
  })

  test('when the simulator started elsewhere', () => {
    const moved = trialsOf([]).map((trial) => (trial.trial === 0 ? { ...trial, initial_state: 'elsewhere' } : trial))
    expect(sentences(reportInput({ trials: { full: moved, 'no-depth-expert': trialsOf([]) } }))[0]).toContain(
      'the trial sets differ: 38 of 42 trials are in both; full lacks 2',
    )
  })

  test('when a trial is recorded twice', () => {
    const twice = [...trialsOf([]), ...trialsOf([])]
    expect(sentences(reportInput({ trials: { full: twice, 'no-depth-expert': trialsOf([]) } }))[0]).toContain(
      'a trial of full is recorded twice',
    )
  })

  test.each<[RunState, string]>([
    ['running', 'no-depth-expert has no trials yet'],
    ['failed', 'no-depth-expert failed before its trials'],
    ['cancelled', 'no-depth-expert was cancelled before its trials'],
    ['succeeded', 'no-depth-expert left no records of single trials'],
  ])('when the baseline is missing: %s', (state, reason) => {
    const cells = reportInput().cells.map((cell) => (cell.name === 'no-depth-expert' ? { ...cell, state } : cell))
    expect(sentences(reportInput({ cells, trials: { full: trialsOf([]) } }))[0]).toContain(`not compared, ${reason}`)
  })
})

test('seeds are compared each with its own, and a seed without a partner is refused', () => {
  const [cell] = reportInput().cells as [ReportCell]
  const named = (variant: string, seed: number): ReportCell => ({
    ...cell,
    name: `${variant},${seed}`,
    values: { variant, seed },
  })
  const cells = [named('full', 0), named('full', 1), named('no-depth-expert', 0)]
  const trials = { 'full,0': trialsOf([]), 'full,1': trialsOf([]), 'no-depth-expert,0': trialsOf([]) }
  expect(sentences(reportInput({ cells, trials }))).toEqual([
    'full, seed 0 against no-depth-expert: no difference shown (exact McNemar p = 1.00, 40 paired trials, one seed of each: policies, not recipes)',
    'full, seed 1 against no-depth-expert: not compared, no-depth-expert has no cell with seed 1',
  ])
})

test('without a baseline nothing is compared', () => {
  expect(
    comparisons(reportInput({ spec: { rows: 'variant', columns: 'task', value: 'success', baseline: null } })),
  ).toEqual([])
})
