import { expect, test } from 'vitest'
import type { Certificate } from '../../../orchestrator/report/certificate/certificate.ts'
import { certificateMarkdown } from '../../../orchestrator/report/certificate/certificate-markdown.ts'
import {
  compareResumes,
  compareTwins,
  type Evidence,
  type Point,
} from '../../../orchestrator/report/certificate/compare-twins.ts'

const file = (path: string, letter = 'a') => ({ path, size: 1, sha256: letter.repeat(64) })
const loss = (...values: [number, number][]): Point[] => values.map(([step, value]) => ({ name: 'loss', step, value }))

const whole: Evidence = {
  outputs: { model: [file('weights'), file('config')] },
  state: { step: 3, files: [file('rank.0'), file('part')], cursor: { step: 3 } },
  curves: [loss([1, 0.5], [2, 0.25], [3, 0.125])],
  results: { absrel: 0.5, success: { k: 3, n: 4 } },
}
/** Killed after step 2, resumed from step 1: step 2 was done twice. */
const resumed: Evidence = {
  outputs: { model: [file('config'), file('weights')] },
  state: { step: 3, files: [file('part'), file('rank.0')], cursor: { step: 3 } },
  curves: [loss([1, 0.5], [2, 0.25]), loss([2, 0.25], [3, 0.125])],
  results: { success: { n: 4, k: 3 }, absrel: 0.5 },
}

test('twins with the same bits have no difference, whatever order things were listed in', () => {
  const { compared, notCompared } = compareTwins(whole, resumed)
  expect(notCompared).toEqual([])
  expect(compared.map(({ what, count, repeated, difference }) => [what, count, repeated, difference])).toEqual([
    ['output model', 2, 0, null],
    ['state at step 3', 2, 0, null],
    ['metric loss', 3, 1, null],
    ['results', 2, 0, null],
  ])
  for (const { digests } of compared) expect(digests[0]).toBe(digests[1])
})

const differences: [string, Partial<Evidence>, string, string][] = [
  [
    'a file with other content',
    { outputs: { model: [file('weights', 'b'), file('config')] } },
    'output model',
    'weights has SHA-256 bbbbbbbbbbbb…, without a stop aaaaaaaaaaaa…',
  ],
  ['a file too few', { outputs: { model: [file('weights')] } }, 'output model', 'config is missing'],
  [
    'a file too many',
    { outputs: { model: [...(resumed.outputs.model ?? []), file('more')] } },
    'output model',
    'more is there only with a stop',
  ],
  [
    'another place in the data',
    { state: { step: 3, files: [file('rank.0'), file('part')], cursor: { step: 2 } } },
    'state at step 3',
    'another place in the data',
  ],
  [
    'a checkpoint of another step',
    { state: { step: 2, files: [], cursor: null } },
    'state at step 3',
    'the last one saved is of step 2, without a stop of 3',
  ],
  [
    'a value that is off by a bit',
    { curves: [loss([1, 0.5], [2, 0.25]), loss([2, 0.25], [3, 0.12500000000000003])] },
    'metric loss',
    '0.12500000000000003 at step 3 in attempt 2, where without a stop it is 0.125',
  ],
  [
    'a step that is told otherwise when it is repeated',
    { curves: [loss([1, 0.5], [2, 0.3]), loss([2, 0.25], [3, 0.125])] },
    'metric loss',
    '0.3 at step 2 in attempt 1, where without a stop it is 0.25',
  ],
  ['a point too few', { curves: [loss([1, 0.5]), loss([3, 0.125])] }, 'metric loss', 'nothing was told at step 2'],
  [
    'a curve of its own',
    { curves: [...resumed.curves, [{ name: 'lr', step: 1, value: 1 }]] },
    'metric lr',
    '1 at step 1 in attempt 3, where without a stop nothing was told',
  ],
  [
    'another result',
    { results: { ...resumed.results, success: { k: 4, n: 4 } } },
    'results',
    'success is {"k":4,"n":4}, without a stop {"k":3,"n":4}',
  ],
]

test.each(differences)('%s is a difference', (_name, changed, what, difference) => {
  const found = compareTwins(whole, { ...resumed, ...changed }).compared.filter((one) => one.difference !== null)
  expect(found).toMatchObject([{ what, difference }])
  expect(found[0]?.digests[0]).not.toBe(found[0]?.digests[1])
})

test('what is measured with a clock is not compared', () => {
  const waits = (value: number): Point[] =>
    ['time.waits_for_reading', 'stream.waited'].map((name) => ({ name, step: 3, value }))
  const found = compareTwins(
    { ...whole, curves: [...whole.curves, waits(0.25)] },
    { ...resumed, curves: [...resumed.curves, waits(0.75)] },
  )
  expect(found).toEqual(compareTwins(whole, resumed))
})

test('a stage without a state at its end is compared by what there is, and that is said', () => {
  const { compared, notCompared } = compareTwins({ ...whole, state: null }, { ...resumed, state: null })
  expect(compared.map(({ what }) => what)).toEqual(['output model', 'metric loss', 'results'])
  expect(notCompared).toEqual([expect.stringContaining('training state')])
})

test.each([
  [{ parent: 'one', firstStep: 11 }, null],
  [{ parent: null, firstStep: null }, null],
  [{ parent: 'older', firstStep: 11 }, 'attempt 2 was told to resume from step 10, and resumed from older'],
  [{ parent: null, firstStep: 1 }, 'attempt 2 was told to resume from step 10, and did step 1 again first'],
])('of a resume from step 10 with %j it is said: %j', (found, difference) => {
  expect(compareResumes([{ told: 'one', step: 10, ...found }]).difference).toBe(difference)
})

test('the certificate for people says what was compared and with what, and escapes what a worker wrote', () => {
  const certificate: Certificate = {
    verdict: 'same',
    job: 'f'.repeat(64),
    stage: 'train',
    entry: 'train_vla',
    cells: ['full'],
    shard: 1,
    shards: 2,
    ranks: 2,
    device: 'cpu x86_64',
    code: 'c'.repeat(64),
    config: { steps: 3 },
    with: { steps: 3 },
    seed: 7,
    steps: 3,
    unit: 'steps',
    kills: [{ attempt: 'a', step: 2, reached: 2, rank: 1, resumedFrom: 1, manifest: 'one' }],
    compared: compareTwins(whole, resumed).compared,
    notCompared: [],
    warnings: ['a | b'],
    versions: { torch: '2.9.0' },
    product: { version: '0.1.0', build: 'abc' },
    machine: { host: 'here', system: 'Linux', cpu: 'CPU', cores: 2 },
    at: Date.UTC(2026, 10, 22),
    seconds: 61,
  }
  const text = certificateMarkdown({ protocol: 1, run: 'r-7k2pq', certificates: [certificate] })
  expect(text).toContain('## train (full), shard 1 of 2, 2 ranks')
  expect(text).toContain('The same, bit for bit')
  expect(text).toMatch(/^\| metric loss \| 3 \| 1 \| `\w{12}` \| `\w{12}` \| the same \|$/m)
  expect(text).toContain('Killed (SIGKILL to rank 1) after step 2 of 3 steps was reported')
  expect(text).toContain('a \\| b')
  const [first] = compareTwins(whole, { ...resumed, outputs: {} }).compared
  const different = { ...certificate, verdict: 'different' as const, compared: first ? [first] : [] }
  expect(certificateMarkdown({ protocol: 1, run: 'r', certificates: [different] })).toContain(
    '**Different. output model: config is missing**',
  )
})
