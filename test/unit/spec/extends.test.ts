import { expect, test } from 'vitest'
import { pipelineNeeds } from '../../../orchestrator/spec/needs.ts'
import { complaints, parsed, text } from './fixtures.ts'

const base = { file: 'jobs/base.yaml', text }
const child = (own: string) => ({ text: `extends: base.yaml\n${own}`, bases: [base] })

test('a file says only what differs from the one that it extends', () => {
  const own = parsed(
    child('name: other\nstages: { bread: { with: { minutes: 70 } } }\nmatrix: { recipe: { salty: {} } }'),
  )
  const before = parsed()
  expect(own.name).toBe('other')
  expect(own.cells.map(({ name }) => name)).toEqual(['plain', 'bare', 'salty'])
  const minutes = (pipeline: typeof own) =>
    pipeline.cells[0]?.stages.find(({ name }) => name === 'bread')?.config.minutes
  expect([minutes(before), minutes(own)]).toEqual([50, 70])
  expect(own.stageOrder).toEqual(before.stageOrder)
})

test('files extend one another in a row, the nearest before the furthest', () => {
  const middle = { file: 'jobs/middle.yaml', text: 'extends: base.yaml\nname: middle\nlabels: { a: m, b: m }' }
  const own = parsed({ text: 'extends: middle.yaml\nlabels: { a: own }', bases: [middle, base] })
  expect([own.name, own.labels]).toEqual(['middle', { a: 'own', b: 'm' }])
})

test('what is wrong is said where it stands, in whichever file', () => {
  expect(complaints(child('stages: { bread: { with: { minuts: 1 } } }'))[0]).toMatch(/^jobs\/a\.yaml:2:\d+ .*minuts/)
  const broken = { file: 'jobs/base.yaml', text: text.replace('minutes: 50', 'minutes: soon') }
  expect(complaints({ text: 'extends: base.yaml', bases: [broken] })[0]).toMatch(/^jobs\/base\.yaml:\d+:\d+ .*soon/)
  const unreadable = { file: 'jobs/base.yaml', text: 'stages: [' }
  expect(complaints({ text: 'extends: base.yaml', bases: [unreadable] })[0]).toMatch(
    /^jobs\/base\.yaml:1:\d+ not valid YAML/,
  )
})

test.each([
  ['extends: base.yaml', 'jobs/a.yaml:1:10 extends: there is no file base.yaml beside this one'],
  ['extends: ../base.yaml', 'jobs/a.yaml:1:10 extends: expected the name of a pipeline file in the same folder'],
  ['extends: [base.yaml]', 'jobs/a.yaml:1:10 extends: expected the name of a pipeline file in the same folder'],
])('%s without such a file is one problem', (own, message) => {
  const found = complaints({ text: own, bases: [] })
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(message)
})

test('what has to be fetched is asked of all of them', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
  const needs = pipelineNeeds('extends: base.yaml\nlabels: { who: "${env.WHO}" }\nsecrets: [TOKEN]', [base])
  expect(needs).toMatchObject({ worker: pipelineNeeds(text).worker, secrets: ['TOKEN'] })
  expect(needs.env).toContain('WHO')
})
