import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { protocolSchemas } from '../../../orchestrator/protocol/schemas.ts'

const folder = new URL('../../../orchestrator/protocol/schema/', import.meta.url)
const written = JSON.parse(JSON.stringify(protocolSchemas())) as Record<string, object>

test('the committed JSON Schemas are those of the code', () => {
  const committed = readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))])
  expect(Object.fromEntries(committed), 'run node orchestrator/protocol/write-schemas.ts').toEqual(written)
})

test.each(Object.entries(written))('%s is a JSON Schema', (_name, schema) => {
  expect(new Ajv2020({ strict: false }).validateSchema(schema)).toBe(true)
})

test('a line that no worker should write is refused', () => {
  const validate = new Ajv2020({ strict: false }).compile(written['worker-event.json'] ?? {})
  expect(validate({ type: 'progress', t: 1, step: 1, of: 2, unit: 'steps' })).toBe(true)
  expect(validate({ type: 'progress', t: 1, step: 'one', of: 2, unit: 'steps' })).toBe(false)
})
