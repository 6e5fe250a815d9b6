import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../../orchestrator/plan/canonical-json.ts'
import type { Json } from '../../../orchestrator/spec/pipeline.ts'

test('keys are sorted, at every depth, and there is no white space', () => {
  expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'x' })).toBe('{"a":"x","b":[1,{"c":true,"d":null}]}')
})

test('a letter is one letter, however it was typed', () => {
  expect(canonicalJson({ 'e\u0301': 'e\u0301' })).toBe(canonicalJson({ '\u00e9': '\u00e9' }))
})

test('numbers are those of JSON: 1.0 is 1, and minus nothing is nothing', () => {
  expect(canonicalJson([1.0, 1e-4, -0, 1e21])).toBe('[1,0.0001,0,1e+21]')
  expect(() => canonicalJson(Number.NaN)).toThrow(RangeError)
})

test('it is JSON, and the same for the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as Json)
      expect(canonicalJson(JSON.parse(text))).toBe(text)
    }),
  )
})
