import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FenceHistory, lineage, placeOf } from '../../../orchestrator/store/lineage.ts'

const key = (fence: number | string, step: number | string) => `jobs/k/s0/${fence}/checkpoints/${step}/manifest.json`

/** `2<1/100: 200 300` is fence 2, told to resume from step 100 of fence 1; `2<1/200~1/100: 300` resumed from another. */
function history(text: string): FenceHistory[] {
  return text
    .split(';')
    .filter(Boolean)
    .map((row) => {
      const [head = '', steps = ''] = row.split(':')
      const [fence = '', told = 'none', really = told] = head.trim().split(/[<~]/)
      const at = (place: string) => (place === 'none' ? null : key(...(place.split('/') as [string, string])))
      const manifests = steps.split(' ').filter(Boolean)
      return {
        fence: Number(fence),
        told: at(told),
        manifests: manifests.map((step) => ({ key: key(fence, step), step: Number(step), parent: at(really) })),
      }
    })
}

const short = (manifests: string[]) =>
  manifests.map((manifest) => `${placeOf(manifest)?.fence}/${placeOf(manifest)?.step}`).join(' ')

const cases = [
  ['nothing was placed yet', '', ''],
  ['the first attempt left nothing', '1:', ''],
  ['the first attempt left two', '1: 100 200', '1/200 1/100'],
  ['the newest fence left nothing: what it was told, and what came before that', '1: 100 200; 2<1/200:', '1/200 1/100'],
  ['fences without any fall through to the first that has one', '1: 100; 2<1/100:; 3<1/100:; 4<1/100:', '1/100'],
  ['a replaced attempt that commits late is not followed', '1: 100 200 300; 2<1/200:', '1/200 1/100'],
  ['a replaced attempt whose very first one comes late is not followed', '1: 100; 2:', ''],
  ['nor one that got further than the new one', '1: 100 200 900; 2<1/200: 300', '2/300 1/200 1/100'],
  ['nor in the middle of a chain', '1: 100 500; 2<1/100: 200 600; 3<2/200: 300', '3/300 2/200 1/100'],
  ['the same step of two fences: each has its place', '1: 100 200; 2<1/100: 200', '2/200 1/100'],
  ['one that found the best broken: the broken one is no ancestor', '1: 100 200; 2<1/200~1/100: 150', '2/150 1/100'],
  ['one that found all broken: they stay the last resort', '1: 100 200; 2<1/200~none: 50', '2/50 1/200 1/100'],
  ['a parent that retention deleted: its chain goes on', '1: 100; 2<1/100: 300; 3<2/200:', '1/100'],
  [
    'the older one of those was deleted: the broken one is still no ancestor',
    '1: 50 200; 2<1/200~1/100: 150',
    '2/150 1/50',
  ],
  ['a parent in a fence that is gone', '3<2/200: 300', '3/300'],
  ['a claim that names itself or the future leads nowhere', '1<1/100:; 2<3/100: 200', '2/200'],
  ['a parent that no claim knows of is not followed', '1: 100 900; 2<1/100~1/900: 200', '2/200 1/100'],
  ['fences and steps are numbers, not words', '9: 5 10; 10<9/10: 7 12', '10/12 10/7 9/10 9/5'],
] as const

test.each(cases)('%s', (_name, given, expected) => {
  expect(short(lineage(history(given)))).toBe(expected)
})

test('the order in which fences were found makes no difference', () => {
  for (const [, given, expected] of cases) expect(short(lineage(history(given).reverse()))).toBe(expected)
})

// A model of what really happens: an attempt commits, is replaced, and sometimes goes on committing unseen.
const life = fc.array(fc.record({ before: fc.nat(3), late: fc.nat(3), broken: fc.boolean() }), {
  minLength: 1,
  maxLength: 8,
})

test('whatever happens, only what was committed before its attempt was replaced is chosen, each once, newest fence first', () => {
  fc.assert(
    fc.property(life, (attempts) => {
      const seen: FenceHistory[] = []
      const onTime = new Set<string>()
      for (const [index, { before, broken }] of attempts.entries()) {
        const order = lineage(seen)
        const parent = (broken ? order[1] : order[0]) ?? null
        const start = parent ? (placeOf(parent)?.step ?? 0) : 0
        const steps = Array.from({ length: before }, (_, i) => start + 10 * (i + 1))
        for (const step of steps) onTime.add(key(index + 1, step))
        const manifests = steps.map((step) => ({ key: key(index + 1, step), step, parent }))
        seen.push({ fence: index + 1, told: order[0] ?? null, manifests })
        const previous = seen[index - 1]
        const last = previous?.manifests.at(-1)?.step ?? start
        const late = attempts[index - 1]?.late ?? 0
        for (let i = 1; i <= late; i++)
          previous?.manifests.push({ key: key(index, last + 10 * i + 5), step: last + 10 * i + 5, parent: null })
      }
      const order = lineage(seen)
      expect(order.filter((chosen) => !onTime.has(chosen))).toEqual([])
      expect(new Set(order).size).toBe(order.length)
      const fences = order.map((chosen) => placeOf(chosen)?.fence ?? 0)
      expect(fences).toEqual(fences.toSorted((a, b) => b - a))
      const own = seen.at(-1)?.manifests ?? []
      expect(order.slice(0, own.length)).toEqual(own.map((manifest) => manifest.key).toReversed())
    }),
  )
})
