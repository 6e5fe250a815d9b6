import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { exceptions, properties } from '../../integration/engines/contract/properties.ts'

const root = resolve(import.meta.dirname, '../../..')
const contract = join(root, 'test/integration/engines/contract')
const page = readFileSync(join(root, 'orchestrator/engines/README.md'), 'utf8')

/** Cells of the table whose first column is headed `property`. */
const table = page
  .slice(page.indexOf('| property'))
  .split('\n\n')[0]
  ?.trim()
  .split('\n')
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
const [head = [], , ...rows] = table ?? []

test('the table has a row for each property of the contract, in its order', () => {
  expect(rows.map(([property]) => property)).toEqual(Object.values(properties))
})

test('it has a column for each engine that the contract is run against', () => {
  const tested = readdirSync(contract).flatMap((name) => /^(\w+)\.test\.ts$/.exec(name)?.[1] ?? [])
  expect(head.slice(1).sort()).toEqual(tested.sort())
})

test('a cell is a dash with its reason exactly where the contract makes an exception', () => {
  for (const [at, property] of Object.keys(properties).entries()) {
    for (const [column, engine] of head.entries()) {
      if (column === 0) continue
      const declared = (exceptions as Record<string, Record<string, string>>)[engine]?.[property]
      const cell = rows[at]?.[column] ?? ''
      if (declared !== undefined) expect(cell).toBe(`–, ${declared}`)
      else expect(cell, `${property}, ${engine}`).toMatch(/^[^–]/)
    }
  }
})
