// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import { expect, test } from 'vitest'
import type { Cell, Stage } from '../../../orchestrator/spec/pipeline.ts'
import { changed, parsed, text, worker } from './fixtures.ts'

const stage = (cells: Cell[], cell: number, name: string): Stage => {
  const found = cells[cell]?.stages.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no stage ${name} in cell ${cell}`)
  return found
}
const names = (cells: Cell[]) => cells.map((cell) => [cell.name, cell.stages.map(({ name }) => name)])
const variable = (name: string) => `"\${${name}}"`
const withMatrix = (matrix: string, ...changes: [string, string][]) => {
  const file = changed(...changes)
  return `${file.slice(0, file.indexOf('matrix:'))}matrix:\n${matrix}`
}

test('a cell runs the sinks of the file and what feeds them, and nothing that an override cut off', () => {
  expect(names(parsed().cells)).toEqual([
    ['plain', ['flour', 'nuts', 'bread', 'scores']],
    ['bare', ['flour', 'bread', 'scores']],
  ])
})

test('a stage that an override removes is left out, and what would have fed a removed sink still runs', () => {
  expect(names(parsed({ text: withMatrix('  v: { a: { scores: null } }\n') }).cells)).toEqual([
    ['a', ['flour', 'nuts', 'bread']],
  ])
})

test('a file without a matrix has one cell', () => {
  const cells = parsed({ text: text.slice(0, text.indexOf('matrix:')) }).cells
  expect(cells.map(({ name, values }) => [name, values])).toEqual([['default', {}]])
})

test('what the file leaves out is filled in by the entry and by the defaults', () => {
  expect(stage(parsed().cells, 0, 'bread')).toMatchObject({
    entry: 'bake',
    config: { minutes: 50, heat: 220, crust: 'hard', salted: true, seed: 0, glaze: null },
    inputs: {
      flour: { kind: 'stage', stage: 'flour', output: 'flour' },
      seeds: { kind: 'stage', stage: 'nuts', output: 'bran' },
    },
    resources: { nodes: 1, ranks: 2, gpus: 0, cores: 2, memory: null, time: null },
    shards: 1,
    checkpoint: { every: null, keep: { last: 2, every: null, best: null } },
    retry: { crashes: 3, backoffMs: 5000 },
    hang: 1800,
    pool: 'local',
    place: { file: 'jobs/a.yaml', line: 6, column: 3 },
  })
})

test('units are read', () => {
  const more =
    'nodes: 2, gpus: 4, memory: 400GiB, time: 1.5h }\n    checkpoint: { every: 1000 steps }\n    retry: { crashes: 1, backoff: 200ms }\n    pool: big'
  expect(stage(parsed({ text: changed(['ranks: 2 }', more]) }).cells, 0, 'bread')).toMatchObject({
    resources: { nodes: 2, ranks: 8, gpus: 4, cores: 4, memory: 400 * 2 ** 30, time: 5400 },
    checkpoint: { every: 1000, keep: { last: 2, every: null, best: null } },
    retry: { crashes: 1, backoffMs: 200 },
    pool: 'big',
  })
})

test.each([
  ['10m', 600],
  ['off', null],
])('hang: %s is read', (hang, expected) => {
  const file = changed(['ranks: 2 }', `ranks: 2 }\n    hang: ${hang}`])
  expect(stage(parsed({ text: file }).cells, 0, 'bread').hang).toBe(expected)
})

test.each([
  ['keep: 3', { last: 3, every: null, best: null }],
  ['keep: { every: 1000 steps }', { last: 2, every: 1000, best: null }],
  ['keep: { last: 1, best: { metric: loss } }', { last: 1, every: null, best: { metric: 'loss', mode: 'min' } }],
  ['keep: { best: { metric: a, mode: max } }', { last: 2, every: null, best: { metric: 'a', mode: 'max' } }],
])('checkpoints are kept by `%s`', (keep, expected) => {
  const file = changed(['ranks: 2 }', `ranks: 2 }\n    checkpoint: { ${keep} }`])
  expect(stage(parsed({ text: file }).cells, 0, 'bread').checkpoint).toEqual({ every: null, keep: expected })
})

test('numbers may be written as in papers', () => {
  const file = changed(['minutes: 50', 'minutes: 100_000, heat: 1.0e-4'])
  expect(stage(parsed({ text: file }).cells, 0, 'bread').config).toMatchObject({ minutes: 100_000, heat: 0.0001 })
})

test('overrides say only what differs: maps are merged, all else replaces', () => {
  const file = withMatrix(
    '  v:\n    a: { bread.with: { crust: soft, oven: { fan: true } }, flour.with.grains: [oat, wheat] }\n    b: { bread: { with: { salted: false }, resources: { ranks: 4 } } }\n    c:\n',
  )
  const { cells } = parsed({ text: file })
  expect(stage(cells, 0, 'bread').config).toMatchObject({ minutes: 50, crust: 'soft', oven: { fan: true } })
  expect(stage(cells, 0, 'flour').config).toMatchObject({ grains: ['oat', 'wheat'] })
  expect(stage(cells, 1, 'bread')).toMatchObject({ config: { minutes: 50, salted: false }, resources: { ranks: 4 } })
  expect(stage(cells, 2, 'bread').config).toMatchObject({ minutes: 50, salted: true })
})

test('axes multiply, plain values keep their type, and include and exclude have the last word', () => {
  const file = withMatrix(
    '  recipe: { plain: {}, bare: { bread.inputs.seeds: null } }\n  seed: [0, 1]\n  exclude: [{ recipe: bare, seed: 0 }]\n  include: [{ recipe: plain, seed: 7, bread.with.minutes: 70 }]\n',
    [
      'minutes: 50',
      `minutes: 50, seed: ${variable('matrix.seed')}, glaze: "seed \${matrix.seed} \${matrix.recipe} $\${x}"`,
    ],
  )
  const { cells } = parsed({ text: file })
  expect(cells.map(({ name, values }) => [name, values])).toEqual([
    ['plain,0', { recipe: 'plain', seed: 0 }],
    ['plain,1', { recipe: 'plain', seed: 1 }],
    ['bare,1', { recipe: 'bare', seed: 1 }],
    ['plain,7', { recipe: 'plain', seed: 7 }],
  ])
  expect(cells.map((_, index) => stage(cells, index, 'bread').config.seed)).toEqual([0, 1, 1, 7])
  expect(stage(cells, 2, 'bread').config.glaze).toBe('seed 1 bare ${x}')
  expect(cells.map((_, index) => stage(cells, index, 'bread').config.minutes)).toEqual([50, 50, 50, 70])
})

test('variables may stand for resources, inputs and other things outside `with`', () => {
  const file = withMatrix(
    '  ranks: [1, 2]\n',
    ['ranks: 2', `ranks: ${variable('matrix.ranks')}`],
    ['nuts.bran', variable('nuts.bran')],
  )
  const { cells } = parsed({ text: file })
  expect(cells.map((_, index) => stage(cells, index, 'bread').resources.ranks)).toEqual([1, 2])
  expect(stage(cells, 0, 'bread').inputs.seeds).toEqual({ kind: 'stage', stage: 'nuts', output: 'bran' })
})

test('the environment is text, unless it can only be read as a number or a truth value', () => {
  const file = changed([
    'minutes: 50',
    `minutes: ${variable('env.N')}, salted: ${variable('env.S')}, glaze: ${variable('env.G')}`,
  ])
  const { cells } = parsed({ text: file, env: { N: '70', S: 'false', G: '007' } })
  expect(stage(cells, 0, 'bread').config).toMatchObject({ minutes: 70, salted: false, glaze: '007' })
})

test('--set wins over the file and over its cells, and may change what is not a stage', () => {
  const { cells, priority, labels, onFailure } = parsed({
    set: [
      'bread.with.minutes=10',
      'bread.with.salted=true',
      'stages.bread.with.oven={fan: true}',
      'priority=3',
      'on_failure=stop',
      'labels.who=me',
      'bread.inputs.seeds=',
    ],
  })
  expect(stage(cells, 1, 'bread').config).toMatchObject({ minutes: 10, salted: true, oven: { fan: true } })
  expect({ priority, labels, onFailure }).toEqual({ priority: 3, labels: { who: 'me' }, onFailure: 'stop' })
  expect(names(cells)[0]).toEqual(['plain', ['flour', 'bread', 'scores']])
})

test('--set may narrow an axis', () => {
  const file = withMatrix('  seed: [0, 1, 2]\n', ['minutes: 50', `seed: ${variable('matrix.seed')}`])
  expect(parsed({ text: file, set: ['matrix.seed=[5]'] }).cells.map(({ name }) => name)).toEqual(['5'])
})

test('--only chooses cells by name, or by some of their values', () => {
  const file = withMatrix('  v: { a: {}, b: {} }\n  s: [0, 1]\n')
  const only = (...names: string[]) => parsed({ text: file, only: names }).cells.map(({ name }) => name)
  expect(only('b,1')).toEqual(['b,1'])
  expect(only('a')).toEqual(['a,0', 'a,1'])
  expect(only('1', 'a,0')).toEqual(['a,0', 'a,1', 'b,1'])
})

test('paths of data are relative to the file, and addresses stay', () => {
  const data =
    'data: { a: { path: ../seeds, format: bag, version: 3 }, b: { path: "s3://lab/x" }, c: { path: /abs } }\n'
  expect(parsed({ text: data + text }).data).toMatchObject([
    { name: 'a', path: '/home/me/seeds', format: 'bag', version: '3' },
    { name: 'b', path: 's3://lab/x', format: null, version: null },
    { name: 'c', path: '/abs' },
  ])
})

test('an input is streamed when the stage says so, or its data is at an address; one that is cut off is not', () => {
  const listed = changed(['    resources: { ranks: 2 }', '    stream: [seeds]'])
  const { cells } = parsed({ text: listed })
  expect(cells.map((_, cell) => stage(cells, cell, 'bread').stream)).toEqual([['seeds'], []])
  const bought = `data: { b: { path: "s3://lab/x" } }\n${changed(['seeds: nuts.bran', 'seeds: data.b'])}`
  expect(stage(parsed({ text: bought }).cells, 0, 'bread').stream).toEqual(['seeds'])
  expect(stage(parsed().cells, 0, 'bread').stream).toEqual([])
})

test('the report takes the first axis for its rows', () => {
  expect(parsed().report).toEqual({ rows: 'recipe', baseline: null, columns: 'task', value: 'success' })
})

test('anchors save typing', () => {
  const file = changed(['{ grains: [rye] }', '&mill { grains: [rye] }'], ['{ grains: [hazel] }', '*mill'])
  expect(stage(parsed({ text: file }).cells, 0, 'nuts').config).toEqual({ grains: ['rye'], grams: 500 })
})

test('an override may give a stage another entry', () => {
  const entries = { ...worker.entries, grind: { ...worker.entries.mill, outputs: { flour: { format: 'powder' } } } }
  const more = { ...worker, entries } as typeof worker
  const file = withMatrix('  v: { a: {}, b: { flour.entry: grind } }\n')
  expect(
    parsed({ text: file, worker: more }).cells.map(
      (_, i) => stage(parsed({ text: file, worker: more }).cells, i, 'flour').entry,
    ),
  ).toEqual(['mill', 'grind'])
})

test('metrics go where the file says, and nowhere else by default', () => {
  const metrics = (...lines: string[]) => parsed({ text: changed(['worker:', `${lines.join('\n')}\nworker:`]) }).metrics
  expect(parsed().metrics).toBeNull()
  expect(metrics('metrics: { tensorboard: false, wandb: null }')).toBeNull()
  expect(metrics('metrics: { tensorboard: true }')).toEqual({ tensorboard: true, wandb: null })
  expect(metrics('metrics: { wandb: { project: bread, mode: offline } }')).toEqual({
    tensorboard: false,
    wandb: { project: 'bread', entity: null, mode: 'offline' },
  })
  expect(metrics('secrets: [WANDB_API_KEY]', 'metrics: { wandb: { project: bread, entity: bakers } }')?.wandb).toEqual({
    project: 'bread',
    entity: 'bakers',
    mode: 'online',
  })
})

test('an input that takes several has one under each name', () => {
  const { cells } = parsed({ text: changed(['seeds: nuts.bran', 'seeds-poppy: nuts.bran, seeds-hemp: flour.bran']) })
  expect(stage(cells, 0, 'bread').inputs).toMatchObject({
    seeds: { kind: 'none' },
    'seeds-poppy': { kind: 'stage', stage: 'nuts', output: 'bran' },
    'seeds-hemp': { kind: 'stage', stage: 'flour', output: 'bran' },
  })
})
