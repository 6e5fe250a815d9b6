// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import { expect, test } from 'vitest'
import type { Facts } from '../../../orchestrator/plan/make-plan.ts'
import { changed, text, worker } from '../spec/fixtures.ts'
import { job, keys, planned } from './fixtures.ts'

test('what cells have in common is one job, and each job stands after what it needs', () => {
  const plan = planned()
  expect(plan.cells.map(({ name, jobs }) => [name, Object.keys(jobs)])).toEqual([
    ['plain', ['flour', 'nuts', 'bread', 'scores']],
    ['bare', ['flour', 'bread', 'scores']],
  ])
  expect(plan.jobs.map(({ stage }) => stage)).toEqual(['flour', 'nuts', 'bread', 'scores', 'bread', 'scores'])
  expect(job(plan, 'flour', 0)).toBe(job(plan, 'flour', 1))
  expect(job(plan, 'bread', 0).needs).toEqual([job(plan, 'flour').key, job(plan, 'nuts').key])
  expect(job(plan, 'bread', 1).needs).toEqual([job(plan, 'flour').key])
})

test('a job carries all that an attempt needs', () => {
  const plan = planned({ text: changed(['worker:', 'secrets: [HF_TOKEN]\nworker:']) })
  const flour = job(plan, 'flour').key
  expect(job(plan, 'bread', 1)).toMatchObject({
    parts: {
      entry: 'bake',
      command: ['python', '-m', 'bakery'],
      code: 'code of bake',
      lock: 'lock',
      inputs: { flour: `job:${flour}/flour`, seeds: null },
      generation: 0,
    },
    inputs: { flour: { kind: 'job', key: flour, output: 'flour', format: 'powder' }, seeds: null },
    outputs: { bread: { format: 'loaf' } },
    resources: { ranks: 2 },
    shards: 1,
    secrets: ['HF_TOKEN'],
  })
})

test('two stages that would do the same are one job', () => {
  const plan = planned({ text: changed(['[hazel]', '[rye]']) })
  expect(job(plan, 'nuts')).toBe(job(plan, 'flour'))
  expect(plan.jobs.filter(({ entry }) => entry === 'mill')).toHaveLength(1)
})

test('data from outside goes into the key by its fingerprint, wherever it lies', () => {
  const data = (path: string) =>
    changed(['worker:', `data: { nuts: { path: ${path}, format: bag } }\nworker:`], ['nuts.bran', 'data.nuts'])
  const at = (path: string, fingerprint: string) =>
    planned({ text: data(path) }, { fingerprints: { nuts: fingerprint } })
  expect(job(at('a', 'f1'), 'bread').inputs.seeds).toEqual({
    kind: 'data',
    name: 'nuts',
    path: '/home/me/jobs/a',
    format: 'bag',
    fingerprint: 'f1',
  })
  expect(keys(at('a', 'f1'))).toEqual(keys(at('b', 'f1')))
  expect(job(at('a', 'f1'), 'bread').key).not.toBe(job(at('a', 'f2'), 'bread').key)
  expect(() => planned({ text: data('a') })).toThrow("no fingerprint was given for the data source 'nuts'")
})

test.each<[string, string]>([
  ['the pool', changed(['    with: { minutes: 50 }', '    with: { minutes: 50 }\n    pool: big'])],
  ['what is streamed', changed(['    resources: { ranks: 2 }', '    resources: { ranks: 2 }\n    stream: [seeds]'])],
  ['shards', changed(['inputs: { bread: bread.bread }', 'inputs: { bread: bread.bread }\n    shards: 3'])],
  ['resources and the number of ranks', changed(['ranks: 2', 'ranks: 4, memory: 1GiB, time: 1h'])],
  ['checkpoints', changed(['ranks: 2 }', 'ranks: 2 }\n    checkpoint: { every: 7 steps, keep: 9 }'])],
  ['retries', changed(['ranks: 2 }', 'ranks: 2 }\n    retry: { crashes: 9 }'])],
  ['the patience with hangs', changed(['ranks: 2 }', 'ranks: 2 }\n    hang: 10m'])],
  ['priority', changed(['worker:', 'priority: 7\nworker:'])],
  ['secrets', changed(['worker:', 'secrets: [TOKEN]\nworker:'])],
  ['labels', changed(['worker:', 'labels: { a: b }\nworker:'])],
  ["the pipeline's name", changed(['breakfast', 'brunch'])],
  ["a stage's name", text.replaceAll('nuts', 'hazelnuts')],
  ['a default that is spelled out', changed(['minutes: 50', 'minutes: 50, heat: 220'])],
  ['a variable instead of its value', `${changed(['minutes: 50', 'minutes: "${matrix.m}"'])}  m: [50]\n`],
])('%s is not part of the key', (_name, file) => {
  expect(keys(planned({ text: file }))).toEqual(keys(planned()))
})

test.each<[string, Partial<Facts>, string]>([
  ['config', {}, changed(['minutes: 50', 'minutes: 51'])],
  ['what feeds an input', {}, changed(['seeds: nuts.bran', 'seeds: flour.bran'])],
  ['which output feeds it', {}, changed(['seeds: nuts.bran', 'seeds: nuts.flour'])],
  ['the config of what feeds it', {}, changed(['[hazel]', '[almond]'])],
  ['code', { code: (entry) => ({ digest: entry === 'bake' ? 'other' : `code of ${entry}`, files: {} }) }, text],
  ['the lock', { lock: 'other' }, text],
  ['the generation', { generation: 1 }, text],
  ['the generation of one stage', { generation: (stage) => (stage === 'bread' ? 1 : 0) }, text],
])('%s is part of the key, and of the keys of all that follows', (_name, changedFacts, file) => {
  const [before, after] = [planned(), planned({ text: file }, changedFacts)]
  expect(job(after, 'bread').key).not.toBe(job(before, 'bread').key)
  expect(job(after, 'scores').key).not.toBe(job(before, 'scores').key)
})

test('the command of the worker is part of the key', () => {
  const other = { ...worker, command: ['python', '-O', '-m', 'bakery'] }
  expect(job(planned({ worker: other }), 'flour').key).not.toBe(job(planned(), 'flour').key)
})

test('the key of a job never changes by accident: results of years hang on it', () => {
  expect(job(planned(), 'flour').key).toBe('ef334c2aeb73284da7dfb090816439e11d59d3f259b030d115813ea2bd9836a1')
})
