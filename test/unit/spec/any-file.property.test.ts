// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { pipelineNeeds } from '../../../orchestrator/spec/needs.ts'
import { parsePipeline } from '../../../orchestrator/spec/parse-pipeline.ts'
import { source, text, worker } from './fixtures.ts'

const isAnswer = (file: string, set: string[] = []) => {
  const result = parsePipeline(source({ text: file, set }))
  if ('problems' in result) {
    expect(result.problems.length).toBeGreaterThan(0)
    for (const { line, column, message } of result.problems) {
      expect(Number.isInteger(line) && Number.isInteger(column)).toBe(true)
      expect(message).not.toMatch(/undefined|\[object|Invalid input/)
    }
  }
  pipelineNeeds(file)
}

test('any text gets an answer', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (file) => isAnswer(file)))
  const pieces = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '? ',
    '!!',
    '|',
    '>',
    '"',
    "'",
    '#',
    '%',
    '---',
    ', ',
    '\t',
    '${',
    '<<: ',
    'stages',
    'matrix',
  )
  fc.assert(fc.property(fc.array(pieces, { maxLength: 60 }), (file) => isAnswer(file.join(''))))
})

test('any damage to a good file gets an answer', () => {
  const damage = fc.tuple(fc.nat(text.length), fc.nat(12), fc.string({ maxLength: 8 }))
  fc.assert(
    fc.property(damage, ([at, length, insert]) => isAnswer(text.slice(0, at) + insert + text.slice(at + length))),
    { numRuns: 300 },
  )
})

test('any values in the places of a pipeline get an answer', () => {
  const json = fc.jsonValue({ maxDepth: 3 })
  const oneOf = <T>(good: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: json })
  const stageName = fc.constantFrom('a', 'b', 'c', 'data')
  const binding = fc.tuple(stageName, fc.constantFrom('flour', 'bread', 'x')).map((parts) => parts.join('.'))
  const stage = fc.record(
    {
      entry: oneOf(fc.constantFrom(...Object.keys(worker.entries))),
      inputs: oneOf(fc.dictionary(fc.constantFrom('flour', 'bread', 'seeds'), oneOf(binding))),
      with: oneOf(fc.dictionary(fc.constantFrom('grains', 'minutes', 'crust', 'zzz'), json)),
      resources: oneOf(fc.dictionary(fc.constantFrom('ranks', 'gpus', 'time', 'memory'), json)),
      shards: json,
      checkpoint: json,
    },
    { requiredKeys: ['entry'] },
  )
  const override = fc.dictionary(fc.constantFrom('a', 'a.with', 'b.with.minutes', 'b.inputs.flour', 'c.x.y'), json)
  const pipeline = fc.record(
    {
      name: oneOf(fc.constant('p')),
      worker: oneOf(fc.constant('w')),
      stages: oneOf(fc.dictionary(stageName, oneOf(stage))),
      matrix: oneOf(
        fc.dictionary(
          fc.constantFrom('v', 'w', 'include', 'exclude'),
          oneOf(fc.dictionary(fc.constantFrom('x', 'y'), oneOf(override))),
        ),
      ),
      report: json,
      data: json,
    },
    { requiredKeys: ['stages'] },
  )
  fc.assert(
    fc.property(pipeline, (value) => isAnswer(stringify(value))),
    { numRuns: 300 },
  )
})

test('any argument of --set gets an answer', () => {
  const path = fc.array(
    fc.constantFrom('bread', 'with', 'minutes', 'inputs', 'matrix', 'recipe', 'priority', '__proto__', ''),
    { maxLength: 4 },
  )
  const set = fc.tuple(path, fc.oneof(fc.json(), fc.string())).map(([parts, value]) => `${parts.join('.')}=${value}`)
  fc.assert(fc.property(fc.array(set, { maxLength: 3 }), (arguments_) => isAnswer(text, arguments_)))
})
