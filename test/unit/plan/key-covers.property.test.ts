import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeClosure } from '../../../orchestrator/plan/code-closure.ts'
import { sha256 } from '../../../orchestrator/plan/content-key.ts'
import { WorkerDescription } from '../../../orchestrator/protocol/worker-description.ts'
import { changed, text, worker } from '../spec/fixtures.ts'
import { job, keys, planned } from './fixtures.ts'

type Files = Record<string, string>

const codeOf =
  (files: Files, description: WorkerDescription) =>
  (entry: string): ReturnType<typeof codeClosure> =>
    codeClosure(new Map(Object.entries(files)), description, entry, (path) => sha256(files[path] ?? ''))

const modular = WorkerDescription.parse({
  ...worker,
  entries: Object.fromEntries(
    Object.entries(worker.entries).map(([name, entry]) => [name, { ...entry, modules: [`bakery.${name}`] }]),
  ),
})
const bakery: Files = {
  'bakery/__init__.py': '',
  'bakery/__main__.py': '',
  'bakery/mill.py': 'from bakery import stone\n',
  'bakery/bake.py': 'from bakery.oven import heat\n',
  'bakery/taste.py': '# salt matters\nimport json\n',
  'bakery/stone.py': 'grit = 1\n',
  'bakery/oven.py': 'from . import stone\nheat = 1\n',
}
const plan = (files: Files, file = text) => planned({ text: file, worker: modular }, { code: codeOf(files, modular) })
const keyOf = (files: Files, stage: string) => job(plan(files), stage).key
const edited = (path: string, content: string): Files => ({ ...bakery, [path]: content })

test('a changed line in a module that the stage imports changes its key, through other modules too', () => {
  for (const path of ['bakery/oven.py', 'bakery/stone.py', 'bakery/__main__.py']) {
    const after = edited(path, `${bakery[path]}more = 2\n`)
    expect(keyOf(after, 'bread'), path).not.toBe(keyOf(bakery, 'bread'))
  }
})

test('a changed comment in the code of another stage changes only that one', () => {
  const after = edited('bakery/taste.py', '# salt does not matter\nimport json\n')
  for (const stage of ['flour', 'nuts', 'bread']) expect(keyOf(after, stage), stage).toBe(keyOf(bakery, stage))
  expect(keyOf(after, 'scores')).not.toBe(keyOf(bakery, 'scores'))
})

test('a pool, a priority and a log level are in no key', () => {
  const wanted = keys(plan(bakery))
  expect(keys(plan(bakery, changed(['worker:', 'priority: 9\nworker:'])))).toEqual(wanted)
  const elsewhere = changed(['    with: { minutes: 50 }', '    with: { minutes: 50 }\n    pool: big'])
  expect(keys(plan(bakery, elsewhere))).toEqual(wanted)
  const env = { ORCHESTRATE_LOG: 'debug', ORCHESTRATE_CORES: '2' }
  expect(keys(planned({ worker: modular, env }, { code: codeOf(bakery, modular) }))).toEqual(wanted)
})

test('whatever modules import one another, a key changes with exactly those that can be reached', () => {
  const size = 8
  const graph = fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size })
  const description = WorkerDescription.parse({
    protocol: 1,
    name: 'graph',
    command: ['python', '-m', 'm.start'],
    entries: { first: { config: {}, modules: ['m.m0'] } },
  })
  fc.assert(
    fc.property(graph, fc.nat(size - 1), (imports, at) => {
      const files: Files = { 'm/__init__.py': '', 'm/start.py': '' }
      for (const [n, list] of imports.entries())
        files[`m/m${n}.py`] = list.map((i) => (i % 2 ? `import m.m${i}\n` : `from .m${i} import x\n`)).join('')
      const reached = new Set([0])
      for (const n of reached) for (const next of imports[n] ?? []) reached.add(next)
      const before = codeOf(files, description)('first').digest
      files[`m/m${at}.py`] += 'x = 1\n'
      expect(codeOf(files, description)('first').digest !== before).toBe(reached.has(at))
    }),
  )
})

test("of the project's own worker, a stage's file is in the key of that stage only, and the model in those that use it", () => {
  const root = join(import.meta.dirname, '../../../worker-images/depthvla')
  const description = WorkerDescription.parse(JSON.parse(readFileSync(join(root, 'worker.json'), 'utf8')))
  const files: Files = {}
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }))
    if (path.endsWith('.py')) files[path] = readFileSync(join(root, path), 'utf8')
  const entries = Object.keys(description.entries)
  const before = new Map(entries.map((entry) => [entry, codeOf(files, description)(entry).digest]))
  const changedBy = (path: string) => {
    const after = { ...files, [path]: `${files[path] ?? expect.fail(path)}\n# another line\n` }
    return entries.filter((entry) => codeOf(after, description)(entry).digest !== before.get(entry))
  }
  expect(changedBy('stages/label_depth.py')).toEqual(['label_depth'])
  expect(changedBy('stages/evaluate.py')).toEqual(['evaluate'])
  const model = changedBy('model/depth.py')
  expect(model).toEqual(expect.arrayContaining(['depth_pretrain', 'train_vla']))
  expect(model).not.toContain('collect_demos')
})
