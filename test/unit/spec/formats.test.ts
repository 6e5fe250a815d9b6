// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { pipelineNeeds } from '../../../orchestrator/spec/needs.ts'
import { formatProblems } from '../../../orchestrator/spec/problems.ts'
import { pipelineJsonSchema } from '../../../orchestrator/spec/shape.ts'
import { changed, text } from './fixtures.ts'

test('problems are shown one under another, with how many there are', () => {
  const file = 'jobs/mine.yaml'
  const problems = [
    { file, line: 14, column: 12, message: "no stage 'depth-pretrian'; did you mean 'depth-pretrain'?" },
    { file, line: 31, column: 5, message: 'cycle: train → evaluate → train' },
    { file: '--set a=1', line: 0, column: 0, message: "no stage 'a'" },
  ]
  expect(formatProblems(problems)).toBe(
    [
      "jobs/mine.yaml:14:12  no stage 'depth-pretrian'; did you mean 'depth-pretrain'?",
      'jobs/mine.yaml:31:5   cycle: train → evaluate → train',
      "--set a=1             no stage 'a'",
      '3 problems, nothing was started.',
    ].join('\n'),
  )
  expect(formatProblems(problems.slice(1, 2)).split('\n').at(-1)).toBe('1 problem, nothing was started.')
})

test('a file with thousands of problems shows the first', () => {
  const problems = Array.from({ length: 1000 }, (_, line) => ({ file: 'a', line: line + 1, column: 1, message: 'x' }))
  expect(formatProblems(problems).split('\n').slice(-2)).toEqual([
    '… and 950 more',
    '1000 problems, nothing was started.',
  ])
})

test('the committed JSON Schema is that of the code', () => {
  const committed = JSON.parse(
    readFileSync(new URL('../../../orchestrator/spec/pipeline.schema.json', import.meta.url), 'utf8'),
  )
  expect(committed, 'run node orchestrator/spec/write-schema.ts').toEqual(
    JSON.parse(JSON.stringify(pipelineJsonSchema())),
  )
})

test('the JSON Schema accepts what the parser accepts, and describes every key', () => {
  const validate = new Ajv2020({ strict: false }).compile(pipelineJsonSchema())
  expect(validate(parse(text)) || validate.errors).toBe(true)
  expect(validate(parse(changed(['ranks: 2', 'ranks: "${matrix.recipe}"'])))).toBe(true)
  expect(validate(parse(changed(['worker:', 'wroker:'])))).toBe(false)
  const undescribed: string[] = []
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, child] of Object.entries((node as { properties?: object }).properties ?? {}))
      if (!(child as { description?: string }).description) undescribed.push(`${path}.${key}`)
    for (const [key, child] of Object.entries(node)) visit(child, `${path}.${key}`)
  }
  visit(pipelineJsonSchema(), '')
  expect(undescribed).toEqual([])
})

test('what a file needs is found before it is checked', () => {
  const file = `${changed(['minutes: 50', 'glaze: "${env.GLAZE} $${env.NOT} ${ env.OTHER }"'])}
secrets: [HF_TOKEN]
data: { a: { path: "\${env.ROOT}/x" } }
`
  expect(pipelineNeeds(file)).toEqual({
    worker: '../bakery',
    env: ['GLAZE', 'OTHER', 'ROOT'],
    secrets: ['HF_TOKEN'],
    data: [{ name: 'a', path: '${env.ROOT}/x' }],
  })
})

test('what a broken file needs is found as far as can be', () => {
  expect(pipelineNeeds('worker: ../w\nstages: {a: "${env.X}"\n')).toMatchObject({ worker: '../w', env: ['X'] })
  expect(pipelineNeeds('')).toEqual({ worker: null, env: [], secrets: [], data: [] })
})
