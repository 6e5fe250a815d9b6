import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']

test.each(documents)('%s has no place left to fill in', (document) => {
  expect(read(document)).not.toContain('@@')
})

test.each(documents)('every npm script that %s names is there', (document) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = [...read(document).matchAll(/\bnpm (?:run )?(test|(?<=run )[a-z][a-z:]*)/g)].map(
    ([, name = '']) => name,
  )
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
})

test.each(documents)('every file that %s links to is there', (document) => {
  const linked = [...read(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path)
  expect(linked.filter((path) => !existsSync(join(root, path)))).toEqual([])
})
