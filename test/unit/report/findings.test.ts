import { expect, test } from 'vitest'
import { findings } from '../../../orchestrator/report/findings.ts'
import type { ReportCell, ReportInput, RunState } from '../../../orchestrator/report/input.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const plain = (text: string | null | undefined) => text?.replaceAll('\u00a0', ' ')
const losing = (n: number) => Array.from({ length: n }, (_, trial) => `drawer-open-v3/${trial}`)
const against = (full: number, baseline: number) =>
  findings(reportInput({ trials: { full: trialsOf(losing(full)), 'no-depth-expert': trialsOf(losing(baseline)) } }))

test('it opens with one sentence that carries its counts and its interval', () => {
  const { headline, test: behind } = findings(reportInput())
  expect(plain(headline)).toBe(
    'full succeeds in 39/40 trials (97.5 %), no-depth-expert in 40/40 (100 %): −2.5 points, 95 % interval [−12.9, +6.5], no difference shown.',
  )
  expect(plain(behind)).toBe(
    'Exact McNemar on 40 paired trials: full alone solved 0, no-depth-expert alone 1; p = 1.00.',
  )
})

test.each([
  [
    1,
    0,
    'At this size the depth expert doesn’t help the policy, as far as these trials can tell: 39/40 trials solved with it, 40/40 without.',
  ],
  [0, 1, 'At this size the depth expert isn’t shown to help the policy: 40/40 trials solved with it, 39/40 without.'],
  [
    0,
    10,
    'At this size the policy does better on these trials with the depth expert: 40/40 trials solved with it, 30/40 without.',
  ],
  [
    10,
    0,
    'At this size the policy does worse on these trials with the depth expert: 30/40 trials solved with it, 40/40 without.',
  ],
])('with %i trials lost against %i it says of the depth expert what was measured', (full, baseline, sentence) => {
  expect(against(full, baseline).measured[0]).toBe(sentence)
})

test('a difference that isn’t shown is not passed off as none', () => {
  expect(against(1, 0).caveats).toContain(
    'No difference shown isn’t no difference: the interval leaves room for anything from −12.9 to +6.5 points.',
  )
  expect(against(0, 10).caveats.join(' ')).not.toContain('No difference')
})

test('one seed speaks of policies, not of recipes', () => {
  expect(against(0, 10).caveats[0]).toBe(
    'One training seed a side: this speaks of these policies, not of the recipes that made them.',
  )
})

test('nothing is claimed of a part when the whole recipe has no result', () => {
  const [full, base] = reportInput().cells as [ReportCell, ReportCell]
  const cells = [
    { ...full, state: 'failed' as const, metrics: {} },
    base,
    { ...base, name: 'frozen', values: { variant: 'frozen' } },
  ]
  const trials = { frozen: trialsOf(losing(10)), 'no-depth-expert': trialsOf([]) }
  const { headline, measured } = findings(reportInput({ cells, trials }))
  expect(headline).toMatch(/^frozen succeeds in 30\/40/)
  expect(measured).toEqual([])
})

test('a baseline whose name says nothing gets no claim about a part', () => {
  const cells = reportInput().cells.map((cell) =>
    cell.name === 'full' ? cell : { ...cell, name: 'pi0', values: { variant: 'pi0' } },
  )
  const spec = { rows: 'variant', columns: 'task', value: 'success', baseline: 'pi0' }
  const { measured } = findings(reportInput({ cells, spec, trials: { full: trialsOf([]), pi0: trialsOf([]) } }))
  expect(measured).toEqual(['absrel (depth, random camera): full 0.26; the best constant scores 0.41.'])
})

test('an untrained policy that solves trials and an expert that doesn’t are pointed out', () => {
  const odd = trialsOf([]).map((trial) => ({ ...trial, success: trial.policy === 'trained' || trial.trial === 3 }))
  const { caveats } = findings(reportInput({ trials: { full: odd, 'no-depth-expert': odd } }))
  expect(caveats).toContain('The untrained policy (untrained) solves 2/40: that much takes no training.')
  expect(caveats).toContain('The expert itself solves 2/40: not every trial may be solvable.')
})

const without = (state: RunState, changes: Partial<ReportInput> = {}) => {
  const { run, cells } = reportInput()
  const bare = cells.map((cell) => ({ ...cell, state, metrics: {} }))
  return reportInput({ run: { ...run, state }, cells: bare, trials: {}, ...changes })
}

test.each<[RunState, RegExp]>([
  ['running', /^No result yet: \d of 9 jobs done\.$/],
  ['cancelled', /^No result: the run was cancelled with \d of 9 jobs done\.$/],
  ['failed', /^No result: the run failed\.$/],
  ['succeeded', /^All 9 jobs done; there were no trials to count\.$/],
])('a run without a result says which: %s', (state, sentence) => {
  expect(findings(without(state)).headline).toMatch(sentence)
})

test('one cell alone opens with its own interval, and the missing one is named', () => {
  const cells = reportInput().cells.map((cell) =>
    cell.name === 'full' ? cell : { ...cell, state: 'failed' as const, metrics: {} },
  )
  const { headline, caveats } = findings(reportInput({ cells, trials: { full: trialsOf([]) } }))
  expect(plain(headline)).toBe('full succeeds in 40/40 trials, 100 % [91.2, 100].')
  expect(caveats).toContain('no-depth-expert has failed: nothing here speaks of what would have come out.')
})

test('what workers warned of while they made the figures stands beside them', () => {
  const input = reportInput()
  const jobs = input.jobs.map((job) => ({ ...job, warnings: job.stage === 'train' ? ['saving failed'] : [] }))
  expect(findings({ ...input, jobs }).caveats).toContain('train warned: saving failed')
  expect(findings(input).caveats.join(' ')).not.toContain('warned')
})
