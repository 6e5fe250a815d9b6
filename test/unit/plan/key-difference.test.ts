import { expect, test } from 'vitest'
import { keyDifferences, nearestJob } from '../../../orchestrator/plan/key-difference.ts'
import { changed } from '../spec/fixtures.ts'
import { job, planned } from './fixtures.ts'

const bread = (file?: string, facts: Parameters<typeof planned>[1] = {}) =>
  job(planned(file === undefined ? {} : { text: file }, facts), 'bread')
const parts = (...given: Parameters<typeof bread>) =>
  keyDifferences(bread(...given), bread()).map(({ part, at }) => `${part} ${at}`.trim())

test('each part of the key that differs is named, and nothing else', () => {
  expect(parts()).toEqual([])
  expect(parts(changed(['minutes: 50', 'minutes: 51, oven: { fan: true }']))).toEqual([
    'config minutes',
    'config oven.fan',
  ])
  expect(parts(changed(['[hazel]', '[almond]']))).toEqual(['input seeds'])
  expect(parts(undefined, { lock: 'other' })).toContain('lock')
  expect(parts(undefined, { generation: (stage) => (stage === 'bread' ? 1 : 0) })).toEqual(['generation'])
  const files = { 'bakery.py': 'b'.repeat(64), 'oven.py': 'c'.repeat(64) }
  const code = (entry: string) => ({ digest: `code of ${entry}`, files: { 'bakery.py': 'a'.repeat(64) } })
  const other = (entry: string) => (entry === 'bake' ? { digest: 'other', files } : code(entry))
  expect(parts(undefined, { code: other })).toEqual(['code bakery.py', 'code oven.py'])
  // Jobs that do not know their files differ in their code as a whole.
  expect(parts(undefined, { code: (entry) => ({ ...code(entry), digest: `new ${entry}` }) })).toContain('code')
})

test('both values are said, and what one of them lacks', () => {
  const [minutes] = keyDifferences(bread(changed(['minutes: 50', 'minutes: 51'])), bread())
  expect(minutes).toEqual({ part: 'config', at: 'minutes', here: '51', there: '50' })
})

test('the nearest job is of the same entry, and the one of which the least differs', () => {
  const far = bread(changed(['minutes: 50', 'minutes: 51, crust: soft']))
  const near = bread(changed(['minutes: 50', 'minutes: 52']))
  const flour = job(planned(), 'flour')
  expect(nearestJob(bread(), [flour, far, bread(), near])?.job).toBe(near)
  expect(nearestJob(bread(), [flour])?.job).toBe(flour)
  expect(nearestJob(bread(), [bread()])).toBeNull()
})
