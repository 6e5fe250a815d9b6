// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { contentKey } from '../../../orchestrator/plan/content-key.ts'
import type { Plan } from '../../../orchestrator/plan/plan.ts'
import { text } from '../spec/fixtures.ts'
import { keys, planned } from './fixtures.ts'

type Value = null | boolean | number | string | Value[] | { [key: string]: Value }

/** The same value with the keys of each map in an order that `seed` decides. */
function reordered(value: Value, seed: number): Value {
  if (Array.isArray(value)) return value.map((item) => reordered(item, seed))
  if (typeof value !== 'object' || value === null) return value
  const rank = (key: string) => [...`${key}${seed}`].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 1009, seed)
  const entries = Object.entries(value).map(([key, item]): [string, Value] => [key, reordered(item, seed)])
  return Object.fromEntries(entries.sort(([a], [b]) => rank(a) - rank(b)))
}

const isSound = (plan: Plan) => {
  const seen = new Set<string>()
  for (const { key, parts, needs } of plan.jobs) {
    expect(seen.has(key)).toBe(false)
    expect(contentKey(parts)).toBe(key)
    for (const need of needs) expect(seen.has(need)).toBe(true)
    seen.add(key)
  }
  expect(new Set(keys(plan))).toEqual(seen)
}

test('the order of keys in the file changes no key', () => {
  const file = parse(text) as Value
  const wanted = [...keys(planned())].sort()
  fc.assert(
    fc.property(fc.nat(1000), (seed) => {
      const plan = planned({ text: stringify(reordered(file, seed)) })
      expect([...keys(plan)].sort()).toEqual(wanted)
      isSound(plan)
    }),
  )
})

test('no cell is lost or doubled, and cells are one job exactly where they say the same', () => {
  const axis = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(axis, axis, fc.integer({ min: 1, max: 99 }), (minutes, tasters, left) => {
      const matrix = `matrix:
  m: [${minutes}]
  t: [${tasters}]
  exclude: [${minutes.includes(left) && minutes.length > 1 ? `{ m: ${left} }` : ''}]
`
      const file = text
        .slice(0, text.indexOf('matrix:'))
        .replace('minutes: 50', () => 'minutes: "${matrix.m}"')
        .replace('inputs: { bread: bread.bread }', (found) => `${found}\n    with: { tasters: "\${matrix.t}" }`)
      const kept = minutes.length > 1 ? minutes.filter((value) => value !== left) : minutes
      const plan = planned({ text: `${file}${matrix}` })
      expect(plan.cells.map(({ name }) => name)).toEqual(kept.flatMap((m) => tasters.map((t) => `${m},${t}`)))
      expect(plan.jobs).toHaveLength(2 + kept.length + kept.length * tasters.length)
      isSound(plan)
    }),
  )
})

test('what is excluded and what is included is neither lost nor doubled', () => {
  const axis = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
  const pair = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  fc.assert(
    fc.property(
      axis,
      axis,
      fc.array(pair, { maxLength: 4 }),
      axis,
      fc.nat(9),
      (minutes, tasters, pairs, extra, gone) => {
        const isOut = (m: number, t: number) => t === gone || pairs.some(([a, b]) => a === m && b === t)
        const known = pairs.filter(([m, t]) => minutes.includes(m) && tasters.includes(t))
        const product = minutes.flatMap((m) => tasters.map((t) => [m, t] as const)).filter(([m, t]) => !isOut(m, t))
        const wanted = [...product, ...extra.map((t) => [99, t] as const)]
        const item = ([m, t]: readonly [number, number]) => `{ m: ${m}, t: ${t} }`
        const matrix = `matrix:
  m: [${minutes}]
  t: [${tasters}]
  exclude: [${[...known.map(item), ...(tasters.includes(gone) ? [`{ t: ${gone} }`] : [])]}]
  include: [${extra.map((t) => item([99, t]))}]
`
        const file = text
          .slice(0, text.indexOf('matrix:'))
          .replace('minutes: 50', () => 'minutes: "${matrix.m}"')
          .replace('inputs: { bread: bread.bread }', (found) => `${found}\n    with: { tasters: "\${matrix.t}" }`)
        const plan = planned({ text: `${file}${matrix}` })
        expect(plan.cells.map(({ name }) => name)).toEqual(wanted.map(([m, t]) => `${m},${t}`))
        expect(plan.jobs.filter(({ stage }) => stage === 'scores')).toHaveLength(wanted.length)
        isSound(plan)
      },
    ),
  )
})

test('a thousand cells are planned at once', () => {
  const seeds = [...Array(1000).keys()]
  const file = `${text.slice(0, text.indexOf('matrix:')).replace('minutes: 50', () => 'seed: "${matrix.seed}"')}matrix: { seed: [${seeds}] }\n`
  const plan = planned({ text: file })
  expect(plan.cells).toHaveLength(1000)
  expect(plan.jobs).toHaveLength(2002)
})
