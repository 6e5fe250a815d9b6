import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, keepers, showKeep } from '../../../orchestrator/run/keepers.ts'
import type { Keep } from '../../../orchestrator/spec/pipeline.ts'

const keep = (given: Partial<Keep> = {}): Keep => ({ last: 2, every: null, best: null, ...given })

/** `500 400! 300:0.2` is a lineage, best first, of which step 400 is broken and step 300 had a loss of 0.2. */
const order = (text: string): Candidate[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const [, step = '', broken, loss] = /^(\d+)(!?)(?::(.+))?$/.exec(word) ?? []
      const metrics = loss === undefined ? {} : { loss: Number(loss) }
      return { key: step, step: Number(step), metrics, broken: broken === '!' }
    })

const kept = (text: string, policy: Keep, named: string[] = []): string =>
  [...keepers(order(text), policy, named)]
    .map(([key, why]) => `${key} ${why.join('+')}`)
    .toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
    .join(', ')

const best = { metric: 'loss', mode: 'min' } as const

test.each<[name: string, order: string, policy: Keep, expected: string]>([
  ['nothing was saved yet', '', keep(), ''],
  ['the only one', '100', keep(), '100 lineage+last'],
  ['the last two', '400 300 200 100', keep(), '400 lineage+last, 300 lineage+last'],
  ['more of the last', '400 300 200 100', keep({ last: 3 }), '400 lineage+last, 300 lineage+last, 200 last'],
  ['one: another stands behind it', '400 300 200', keep({ last: 1 }), '400 lineage+last, 300 lineage'],
  ['milestones', '500 400 300 200 100', keep({ every: 200 }), '500 lineage+last, 400 lineage+last+every, 200 every'],
  ['the best', '400 300 200:0.1 100:0.3', keep({ best }), '400 lineage+last, 300 lineage+last, 200 best'],
  [
    'the best by the most',
    '400 300 200:0.1 100:0.3',
    keep({ best: { ...best, mode: 'max' } }),
    '400 lineage+last, 300 lineage+last, 100 best',
  ],
  [
    'the newest of several best',
    '400 300 200:0.1 100:0.1',
    keep({ best }),
    '400 lineage+last, 300 lineage+last, 200 best',
  ],
  ['no best where nobody tells the metric', '400 300 200', keep({ best }), '400 lineage+last, 300 lineage+last'],
  ['broken ones do not count', '500! 400 300! 200 100', keep(), '400 lineage+last, 200 lineage+last'],
  [
    'a broken one is not the best',
    '400 300 200!:0.1 100:0.3',
    keep({ best }),
    '400 lineage+last, 300 lineage+last, 100 best',
  ],
  ['all are broken: the newest may still be mended', '200! 100!', keep(), '200 lineage+last'],
])('%s', (_name, given, policy, expected) => {
  expect(kept(given, policy)).toBe(expected)
})

test('what an attempt was told to resume from stays, also where the lineage no longer has it', () => {
  expect(kept('400 300 200 100', keep(), ['100', '50'])).toBe(
    '400 lineage+last, 300 lineage+last, 100 resume, 50 resume',
  )
})

const lineages = fc
  .uniqueArray(fc.record({ step: fc.integer({ min: 1, max: 40 }), broken: fc.boolean(), loss: fc.option(fc.nat(5)) }), {
    selector: ({ step }) => step,
    maxLength: 12,
  })
  .map((found) =>
    found
      .toSorted((a, b) => b.step - a.step)
      .map(
        ({ step, broken, loss }): Candidate => ({
          key: String(step),
          step,
          broken,
          metrics: loss === null ? {} : { loss },
        }),
      ),
  )
const policies = fc.record({
  last: fc.integer({ min: 1, max: 5 }),
  every: fc.option(fc.integer({ min: 1, max: 10 })),
  best: fc.option(fc.record({ metric: fc.constant('loss'), mode: fc.constantFrom('min', 'max') })),
}) as fc.Arbitrary<Keep>

test('the newest good one always stays, the only one too, and deleting what may go changes nothing about the rest', () => {
  fc.assert(
    fc.property(lineages, policies, (candidates, policy) => {
      const stay = keepers(candidates, policy)
      const newest = candidates.find(({ broken }) => !broken) ?? candidates[0]
      if (newest) expect(stay.has(newest.key)).toBe(true)
      expect(stay.size).toBeLessThanOrEqual(candidates.length)
      const left = candidates.filter(({ key }) => stay.has(key))
      expect([...keepers(left, policy)]).toEqual([...stay])
    }),
  )
})

test('a policy is shown in words', () => {
  expect(showKeep(keep())).toBe('last 2')
  expect(showKeep({ last: 1, every: 10_000, best })).toBe('last 1, every 10000 steps, best loss')
})
