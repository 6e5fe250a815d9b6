import { describe, expect, test } from 'vitest'
import type { MetricValue } from '../../../orchestrator/protocol/worker-event.ts'
import { verdictOf } from '../../../orchestrator/report/gates/judge.ts'
import type { ReportCell, ReportInput } from '../../../orchestrator/report/input.ts'
import { parseGate } from '../../../orchestrator/spec/gates/parse-gate.ts'
import { withDefaults } from '../../../orchestrator/spec/gates/read-gates.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

const judge = (text: string, input: ReportInput, more: object = {}) =>
  verdictOf(input, { ...withDefaults(parseGate(text)), ...more })

/** Rows with a metric for each training seed. */
function measured(metric: string, rows: Record<string, MetricValue[]>): ReportInput {
  const cells = Object.entries(rows).flatMap(([variant, values]) =>
    values.map(
      (value, seed): ReportCell => ({
        name: `${variant},${seed}`,
        values: { variant, seed },
        state: 'succeeded',
        metrics: { [metric]: value },
        jobs: {},
      }),
    ),
  )
  return reportInput({ cells, trials: {}, jobs: [] })
}
const of100 = (...ks: number[]) => ks.map((k) => ({ k, n: 100 }))
const rates = (full: number[], base: number[]) => measured('success', { full: of100(...full), base: of100(...base) })

describe('a recipe gate', () => {
  const gate = 'success(full) >= success(base) - 0.03'
  test('passes where the whole interval over seeds is above the bound', () => {
    expect(judge(gate, rates([90, 91, 92], [70, 71, 72]))).toMatchObject({ outcome: 'pass', counts: 'pass', seeds: 3 })
  })
  test('fails where it is below', () => {
    expect(judge(gate, rates([70, 71, 72], [90, 91, 92]))).toMatchObject({ outcome: 'fail', more: null })
  })
  test('is undecided in between, and says how many seeds more might decide it', () => {
    const found = judge(gate, rates([78, 84, 90], [76, 82, 88]))
    expect(found).toMatchObject({ outcome: 'undecided', more: { seeds: expect.any(Number) } })
    // With that many more of the same spread it would be.
    const { seeds } = found.more as { seeds: number }
    const more = (ks: number[]) => Array.from({ length: 3 + seeds }, (_, i) => ks[i % 3] as number)
    expect(judge(gate, rates(more([78, 84, 90]), more([76, 82, 88]))).outcome).toBe('pass')
  })
  test('needs three seeds a side, and a wider interval at a later look', () => {
    const two = judge(gate, rates([90, 91], [70, 71, 72]))
    expect(two).toMatchObject({
      outcome: 'undecided',
      more: { seeds: 1 },
      reason: expect.stringContaining('full has 2'),
    })
    const third = judge(gate, { ...rates([90, 91, 92], [70, 71, 72]), look: 3 })
    expect(third.level).toBeCloseTo(0.05 / 12, 12)
    expect(third.lower).toBeLessThan(judge(gate, rates([90, 91, 92], [70, 71, 72])).lower ?? -1)
  })
  test('against a bound looks at one recipe, and the file says what undecided counts as', () => {
    const input = rates([90, 91, 92], [])
    expect(judge('success(full) >= 80%', input).outcome).toBe('pass')
    expect(judge('success(full) <= 80%', input).outcome).toBe('fail')
    expect(judge('success(full) >= 91%', input, { undecided: 'pass' })).toMatchObject({
      outcome: 'undecided',
      counts: 'pass',
    })
  })
})

describe('a policy gate', () => {
  const some = (count: number) => Array.from({ length: count }, (_, trial) => `drawer-open-v3/${trial}`)
  const input = (full: number, base: number) => {
    const whole = reportInput()
    return { ...whole, trials: { full: trialsOf(some(full)), 'no-depth-expert': trialsOf(some(base)) } }
  }
  const gate = 'policy success(full) >= success(no-depth-expert)'
  test.each([
    [2, 14, 'pass'],
    [14, 2, 'fail'],
    [5, 3, 'undecided'],
  ])('of %d failures against %d ends in %3$s', (full, base, outcome) => {
    expect(judge(gate, input(full, base))).toMatchObject({ outcome, trials: 40 })
  })
  test('says how many trials more might decide it', () => {
    expect(judge(gate, input(5, 3)).more).toMatchObject({ trials: expect.any(Number) })
    expect(judge(gate, input(3, 3)).more).toBeNull()
  })
  test('refuses other trials and a row of several policies', () => {
    const other = input(2, 14)
    other.trials.full = trialsOf([], 10)
    expect(judge(gate, other)).toMatchObject({
      outcome: 'undecided',
      reason: expect.stringContaining('trial sets differ'),
    })
    expect(judge('policy success(full) >= 0.5', rates([90, 91], [])).reason).toContain('name a cell')
  })
})

describe('a gate on a number', () => {
  test('compares one value as it is, and several over their seeds', () => {
    const absrel = (...values: number[]) => measured('depth.absrel', { full: values })
    expect(judge('depth.absrel(full) <= 0.12', absrel(0.11))).toMatchObject({ outcome: 'pass', lower: null })
    expect(judge('depth.absrel(full) <= 0.12', absrel(0.13)).outcome).toBe('fail')
    expect(judge('depth.absrel(full) <= 0.12', absrel(0.11, 0.111, 0.112)).outcome).toBe('pass')
    expect(judge('depth.absrel(full) <= 0.12', absrel(0.09, 0.12, 0.14)).outcome).toBe('undecided')
  })
  test('that nobody measured is undecided, and says what there is', () => {
    const found = judge('latency.p50(full) <= 210ms', measured('depth.absrel', { full: [0.1] }))
    expect(found).toMatchObject({ outcome: 'undecided', reason: expect.stringContaining('it has depth.absrel') })
  })
})
