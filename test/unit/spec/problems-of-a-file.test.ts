// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of a pipeline file look like that
import { expect, test } from 'vitest'
import { changed, complaints, text } from './fixtures.ts'

const at = (place: string, message: string) => `jobs/a.yaml:${place} ${message}`
const withMatrix = (matrix: string) => `${text.slice(0, text.indexOf('matrix:'))}matrix:\n${matrix}`

const variable = (name: string) => `"\${${name}}"`
const deepList = `${'['.repeat(80)}${']'.repeat(80)}`
const bomb = `a: &a [1,1,1,1,1,1,1,1,1,1]\n${[...'bcdefg'].map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdef'[i]}`)}]\n`).join('')}`

/** What is wrong with the file, the file, and all that is said about it. */
const cases: [name: string, file: string, said: string[]][] = [
  // YAML
  [
    'an unclosed list',
    'name: [a\n',
    [at('2:1', 'not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]')],
  ],
  [
    'a map in the place of a value',
    'a: b: c',
    [at('1:4', 'not valid YAML: nested mappings are not allowed in compact mappings')],
  ],
  ['a tab as indentation', 'a:\n\tb: 1', [at('2:1', 'not valid YAML: tabs are not allowed as indentation')]],
  ['two documents', 'a: 1\n---\nb: 2\n', [at('2:1', 'expected one YAML document, found several')]],
  ['an unknown tag', 'a: !python/object x', [at('1:4', 'not valid YAML: unresolved tag: !python/object')]],
  ['an alias of nothing', 'a: *b', [at('1:4', "no anchor '&b' stands before this alias")]],
  ['an alias bomb', bomb, [at('1:1', 'aliases repeat more than 20000 values, expected a file without such expansion')]],
  ['an alias of itself', 'a: &a [*a]', [at('1:1', 'nested too deep, expected at most 64 levels')]],
  ['lists in lists in lists', `a: ${deepList}`, [at('1:1', 'nested too deep, expected at most 64 levels')]],
  ['brackets without an end', '['.repeat(100_000), [at('1:1', 'nested too deep, expected at most 64 levels')]],
  [
    'a file of 2 MiB',
    'x'.repeat(2 ** 21),
    [at('1:1', 'the file has 2097152 characters, expected a pipeline of at most 1 MiB')],
  ],
  ['a key twice', 'name: a\nname: b\n', [at('2:1', "key 'name' stands twice in this map, expected it once")]],
  ['a list as a key', '[a, b]: c', [at('1:1', 'expected a plain name as a key, found something else')]],
  [
    'a key that means something to JavaScript',
    '__proto__: {}',
    [at('1:1', 'expected a plain name as a key, found __proto__')],
  ],
  ['not a number', 'a: .nan', [at('1:4', 'expected a number that can be kept exactly, found .nan')]],
  [
    'a number too large to be exact',
    'a: 9007199254740993',
    [at('1:4', 'expected a number that can be kept exactly, found 9007199254740993')],
  ],
  // the file as a whole
  ['an empty file', '', [at('1:1', 'expected a pipeline: a map with name, worker and stages, found nothing')]],
  ['a list for a file', '- a', [at('1:1', 'expected a pipeline: a map with name, worker and stages, found a list')]],
  [
    'nothing that a pipeline needs',
    'priority: 1',
    [
      at('1:1', "missing 'name', expected a name of letters, digits, - and _ that starts with a letter"),
      at('1:1', "missing 'worker', expected the worker's folder, relative to this file"),
      at('1:1', "missing 'stages', expected a map of stages"),
    ],
  ],
  ['no stages', 'name: a\nworker: b\nstages: {}\n', [at('3:9', 'stages: expected at least one stage')]],
  ['an unknown key', changed(['worker:', 'workr: x\nworker:']), [at('2:1', "no key 'workr'; did you mean 'worker'?")]],
  [
    'a name with a blank',
    changed(['name: breakfast', 'name: my breakfast']),
    [at('1:7', 'name: expected a name of letters, digits, - and _ that starts with a letter, found "my breakfast"')],
  ],
  [
    'a priority that is no number',
    changed(['worker:', 'priority: high\nworker:']),
    [at('2:11', 'priority: expected a whole number, found "high"')],
  ],
  [
    'a word that nothing can be on failure',
    changed(['worker:', 'on_failure: halt\nworker:']),
    [at('2:13', "on_failure: expected 'continue' or 'stop', found \"halt\"")],
  ],
  [
    'a secret with its value',
    changed(['worker:', 'secrets: [HF_TOKEN=abc]\nworker:']),
    [at('2:11', 'secrets[0]: expected the name of an environment variable, found "HF_TOKEN=abc"')],
  ],
  [
    "W&B's server without its key",
    changed(['worker:', 'metrics: { wandb: { project: p } }\nworker:']),
    [at('2:19', 'metrics.wandb: expected WANDB_API_KEY under `secrets:`, or `mode: offline`, which needs none')],
  ],
  [
    'metrics of no known kind',
    changed(['worker:', 'metrics: { tensorbord: true, wandb: { mode: disabled } }\nworker:']),
    [
      at('2:12', "metrics: no key 'tensorbord'; did you mean 'tensorboard'?"),
      at('2:37', "metrics.wandb: missing 'project', expected the name of a project"),
      at('2:45', "metrics.wandb.mode: expected 'online' or 'offline', found \"disabled\""),
    ],
  ],
  // stages
  [
    'a stage with nothing in it',
    changed(['  nuts: { entry: mill, with: { grains: [hazel] } }', '  nuts:']),
    [at('5:3', 'nuts: expected a stage: a map with entry, inputs, with, …, found nothing')],
  ],
  [
    'a stage whose name has a dot',
    changed(['  nuts:', '  n.uts: { entry: mill, with: { grains: [a] } }\n  nuts:']),
    [at('5:3', "stages: expected a name of letters, digits, - and _ that starts with a letter, found 'n.uts'")],
  ],
  [
    'a stage named data',
    changed(['  nuts:', '  data: { entry: mill, with: { grains: [a] } }\n  nuts:']),
    [at('5:3', "a stage can't be named 'data', which names the data sources")],
  ],
  [
    'an unknown key of a stage',
    changed(['    with: { minutes: 50 }', '    wiht: { minutes: 50 }']),
    [at('9:5', "bread: no key 'wiht'; did you mean 'with'?")],
  ],
  [
    'no entry',
    changed(['    entry: bake\n', '']),
    [at('6:3', "bread: missing 'entry', expected the name of an entry of the worker")],
  ],
  [
    'an unknown entry',
    changed(['entry: bake', 'entry: bakee']),
    [at('7:12', "no entry 'bakee' in worker 'bakery'; did you mean 'bake'?")],
  ],
  // inputs
  [
    'an unknown stage',
    changed(['flour: flour.flour', 'flour: fluor.flour']),
    [at('8:22', "bread.inputs.flour: no stage 'fluor'; did you mean 'flour'?")],
  ],
  [
    'an unknown output',
    changed(['seeds: nuts.bran', 'seeds: nuts.barn']),
    [at('8:42', "bread.inputs.seeds: no output 'barn' of stage 'nuts'; did you mean 'bran'?")],
  ],
  [
    'a stage without its output',
    changed(['seeds: nuts.bran', 'seeds: nuts']),
    [at('8:42', "bread.inputs.seeds: expected `nuts.<output>`, found 'nuts'; known: flour, bran")],
  ],
  [
    'an unknown input',
    changed(['seeds: nuts', 'seed: nuts']),
    [at('8:35', "bread.inputs: no input 'seed' in entry 'bake'; did you mean 'seeds'?")],
  ],
  [
    'an unknown data source',
    changed(['worker:', 'data: { seeds: { path: a } }\nworker:'], ['nuts.bran', 'data.sedes']),
    [at('9:42', "bread.inputs.seeds: no data source 'sedes'; did you mean 'seeds'?")],
  ],
  [
    'a required input that is missing',
    changed(['flour: flour.flour, ', '']),
    [at('8:13', "bread.inputs: missing 'flour', expected `stage.output` or `data.name` with powder")],
  ],
  [
    'no inputs at all',
    changed(['    inputs: { bread: bread.bread }\n', '']),
    [at('11:3', "scores.inputs: missing 'bread', expected `stage.output` or `data.name` with loaf")],
  ],
  [
    'an input of another format',
    changed(['bread: bread.bread', 'bread: flour.flour']),
    [at('13:22', "scores.inputs.bread: expected loaf, found 'flour.flour', which is powder")],
  ],
  [
    'a number for an input',
    changed(['nuts.bran', '3']),
    [
      at(
        '8:42',
        'bread.inputs.seeds: expected `stage.output`, `data.name`, or null for an input that is cut off, found 3',
      ),
    ],
  ],
  [
    'a cycle',
    changed(
      [
        '  nuts: { entry: mill, with: { grains: [hazel] } }',
        '  nuts: { entry: bake, inputs: { flour: flour.flour, seeds: bread.bread } }',
      ],
      ['nuts.bran', 'nuts.bread'],
    ),
    [at('5:61', 'cycle: nuts → bread → nuts')],
  ],
  ['a stage that feeds itself', changed(['nuts.bran', 'bread.bread']), [at('8:42', 'cycle: bread → bread')]],
  // with
  [
    'text for a count',
    changed(['minutes: 50', 'minutes: 1k']),
    [at('9:22', 'bread.with.minutes: expected an integer ≥ 1, found "1k"')],
  ],
  [
    'nothing for a count',
    changed(['minutes: 50', 'minutes: 0']),
    [at('9:22', 'bread.with.minutes: expected an integer ≥ 1, found 0')],
  ],
  [
    'a fraction for a count',
    changed(['minutes: 50', 'minutes: 1.5']),
    [at('9:22', 'bread.with.minutes: expected an integer ≥ 1, found 1.5')],
  ],
  [
    'too much heat',
    changed(['minutes: 50', 'heat: 301']),
    [at('9:19', 'bread.with.heat: expected a number > 0 and ≤ 300, found 301')],
  ],
  [
    'a value outside the choice',
    changed(['minutes: 50', 'crust: thick']),
    [at('9:20', 'bread.with.crust: expected one of "soft", "hard", found "thick"')],
  ],
  [
    'neither text nor null',
    changed(['minutes: 50', 'glaze: [egg]']),
    [at('9:20', 'bread.with.glaze: expected text or null, found a list of 1')],
  ],
  [
    'a word for a truth value',
    changed(['minutes: 50', 'salted: yes']),
    [at('9:21', 'bread.with.salted: expected true or false, found "yes"')],
  ],
  [
    'an unknown setting',
    changed(['minutes: 50', 'minuts: 50']),
    [at('9:13', "bread.with: no key 'minuts'; did you mean 'minutes'?")],
  ],
  [
    'an unknown setting, deeper',
    changed(['minutes: 50', 'oven: { fann: true }']),
    [at('9:21', "bread.with.oven: no key 'fann'; did you mean 'fan'?")],
  ],
  [
    'a required setting that is missing',
    changed(['with: { grains: [rye] }', 'with: { grams: 5 }']),
    [at('4:31', "flour.with: missing 'grains', expected a list of text (at least 1 items)")],
  ],
  [
    'a required setting of a stage without any',
    changed([', with: { grains: [rye] }', '']),
    [at('4:10', "flour.with: missing 'grains', expected a list of text (at least 1 items)")],
  ],
  [
    'an empty list',
    changed(['[rye]', '[]']),
    [at('4:41', 'flour.with.grains: expected a list of text (at least 1 items), found an empty list')],
  ],
  [
    'a number among texts',
    changed(['[rye]', '[rye, 3]']),
    [at('4:47', 'flour.with.grains[1]: expected text, found 3')],
  ],
  // resources and their like
  [
    'less than nothing',
    changed(['ranks: 2', 'gpus: -1']),
    [at('10:24', 'bread.resources.gpus: expected a whole number ≥ 0, found -1')],
  ],
  [
    'a size without unit',
    changed(['ranks: 2', 'memory: 400']),
    [at('10:26', 'bread.resources.memory: expected a size such as 400GiB, found 400')],
  ],
  [
    'a time without unit',
    changed(['ranks: 2', 'time: 24']),
    [at('10:24', 'bread.resources.time: expected a duration such as 24h, 30m or 90s, found 24')],
  ],
  [
    'a time in weeks',
    changed(['ranks: 2', 'time: 2w']),
    [at('10:24', 'bread.resources.time: expected a duration such as 24h, 30m or 90s, found "2w"')],
  ],
  [
    'a patience with hangs that is no duration',
    changed(['ranks: 2 }', 'ranks: 2 }\n    hang: never']),
    [at('11:11', 'bread.hang: expected a duration such as 10m, or `off`, found "never"')],
  ],
  [
    'steps without unit',
    changed(['    resources: { ranks: 2 }', '    checkpoint: { every: 100 }']),
    [at('10:26', 'bread.checkpoint.every: expected a number of steps such as `100 steps`, found 100')],
  ],
  [
    'no checkpoint to keep',
    changed(['    resources: { ranks: 2 }', '    checkpoint: { keep: 0 }']),
    [at('10:25', 'bread.checkpoint.keep: expected a whole number ≥ 1, or a map with last, every and best, found 0')],
  ],
  [
    'checkpoints that are all to be kept',
    changed(['    resources: { ranks: 2 }', '    checkpoint: { keep: all }']),
    [
      at(
        '10:25',
        'bread.checkpoint.keep: expected a whole number ≥ 1, or a map with last, every and best, found "all"',
      ),
    ],
  ],
  [
    'the best by a mode that there is not',
    changed(['    resources: { ranks: 2 }', '    checkpoint: { keep: { best: { metric: loss, mode: least } } }']),
    [at('10:55', `bread.checkpoint.keep.best.mode: expected 'min' or 'max', found "least"`)],
  ],
  [
    'the best by nothing',
    changed(['    resources: { ranks: 2 }', '    checkpoint: { keep: { best: {} } }']),
    [at('10:33', "bread.checkpoint.keep.best: missing 'metric', expected the name of a metric")],
  ],
  [
    'ranks of an entry that knows only one',
    changed(['inputs: { bread: bread.bread }', 'inputs: { bread: bread.bread }\n    resources: { ranks: 2 }']),
    [at('14:25', "scores.resources.ranks: expected 1 rank, found 2: the entry can't be distributed")],
  ],
  [
    'streaming what is no input, and what the worker reads from a folder only',
    changed(['    resources: { ranks: 2 }', '    stream: [seed, flour, seeds]']),
    [
      at('10:14', "bread.stream: no input 'seed' in entry 'bake'; did you mean 'seeds'?"),
      at('10:20', "bread.stream: 'flour' can't be streamed: entry 'bake' reads this input from a folder only"),
    ],
  ],
  [
    'an address where the worker needs a folder',
    `data: { bought: { path: "s3://shop/flour", format: powder } }\n${changed(['flour: flour.flour, seeds', 'flour: data.bought, seeds'])}`,
    [
      at(
        '9:22',
        "bread.inputs.flour: expected a folder, found s3://shop/flour: entry 'bake' reads this input from a folder only",
      ),
    ],
  ],
  [
    'data at an address that nothing can read',
    `data: { bought: { path: "https://shop/flour" } }\n${text}`,
    [
      at(
        '1:25',
        "data.bought.path: expected a path, or an address such as s3://bucket/folder, found 'https://shop/flour'",
      ),
    ],
  ],
  [
    'GPUs that would be ranks of such an entry',
    changed(['inputs: { bread: bread.bread }', 'inputs: { bread: bread.bread }\n    resources: { gpus: 8 }']),
    [at('14:24', "scores.resources.gpus: expected 1 rank, found 8: the entry can't be distributed")],
  ],
  [
    'another number of ranks than of GPUs',
    changed(['ranks: 2', 'ranks: 3, gpus: 2']),
    [at('10:25', 'bread.resources.ranks: expected one rank per GPU, which is 2, found 3')],
  ],
  [
    'ranks that the nodes cannot share',
    changed(['ranks: 2', 'ranks: 3, nodes: 2']),
    [at('10:25', 'bread.resources.ranks: expected a multiple of the 2 nodes, found 3')],
  ],
  [
    'shards of an entry that knows none',
    changed(['ranks: 2 }', 'ranks: 2 }\n    shards: 4']),
    [at('11:13', "bread.shards: expected 1, found 4: the entry can't be cut into shards")],
  ],
  [
    'no shards',
    changed(['ranks: 2 }', 'ranks: 2 }\n    shards: 0']),
    [at('11:13', 'bread.shards: expected a whole number ≥ 1, found 0')],
  ],
  // matrix
  [
    'an axis that is a number',
    withMatrix('  seed: 3\n'),
    [at('15:9', 'matrix.seed: expected named overrides, or a list of plain values, found 3')],
  ],
  [
    'an axis without values',
    withMatrix('  seed: []\n'),
    [at('15:9', 'matrix.seed: expected at least one value, found an empty list')],
  ],
  [
    'an override of an unknown stage',
    withMatrix('  v: { a: { braed.with.minutes: 3 } }\n'),
    [at('15:13', "no stage 'braed'; did you mean 'bread'?")],
  ],
  [
    'an override that is no path',
    withMatrix('  v: { a: { bread..minutes: 3 } }\n'),
    [at('15:13', "expected a path such as train.with.steps, found 'bread..minutes'")],
  ],
  [
    'an override of an unknown key of a stage',
    withMatrix('  v: { a: { bread.wiht.minutes: 3 } }\n'),
    [at('15:13', "bread: no key 'wiht'; did you mean 'with'?")],
  ],
  [
    'an override with a wrong value',
    withMatrix('  v: { a: { bread.with.minutes: 1k } }\n'),
    [at('15:33', 'bread.with.minutes: expected an integer ≥ 1, found "1k"')],
  ],
  [
    'an override of an unknown setting',
    withMatrix('  v: { a: { bread.with.minuts: 3 } }\n'),
    [at('15:13', "bread.with: no key 'minuts'; did you mean 'minutes'?")],
  ],
  [
    'an override within a plain value',
    withMatrix('  v: { a: { bread.with.minutes.x: 3 } }\n'),
    [at('15:13', "bread.with.minutes is 50, expected a map to set 'x' in")],
  ],
  [
    'an override that cuts a required input off',
    withMatrix('  v: { a: { bread.inputs.flour: null } }\n'),
    [
      at(
        '15:33',
        "bread.inputs.flour: entry 'bake' requires this input, expected `stage.output` or `data.name` with powder, found null",
      ),
    ],
  ],
  [
    'an override that removes what another stage reads',
    withMatrix('  v: { a: { flour: null } }\n'),
    [at('8:22', "bread.inputs.flour: cell 'a' removes stage 'flour', expected null or another source here too")],
  ],
  [
    'an override that makes a cycle',
    withMatrix('  v: { a: { bread.inputs.seeds: bread.bread } }\n'),
    [at('15:33', 'cycle: bread → bread')],
  ],
  [
    'an exclusion of an unknown value',
    withMatrix('  v: { a: {} }\n  exclude: [{ v: b, w: 1 }]\n'),
    [at('16:18', "no value 'b' on the axis 'v'; known: a"), at('16:21', "no axis 'w' in the matrix; known: v")],
  ],
  [
    'nothing left after exclusion',
    withMatrix('  v: { a: {} }\n  exclude: [{ v: a }]\n'),
    [at('14:1', 'matrix: no cell is left, expected at least one')],
  ],
  [
    'an inclusion without a value',
    withMatrix('  v: { a: {} }\n  s: [1]\n  include: [{ v: a }]\n'),
    [at('17:13', "include: expected a value for the axis 's'")],
  ],
  [
    'an inclusion that is there already',
    withMatrix('  v: { a: {} }\n  include: [{ v: a }]\n'),
    [at('14:1', "matrix: two cells are named 'a'")],
  ],
  [
    'more cells than anybody means',
    withMatrix(`  a: [${[...Array(101).keys()]}]\n  b: [${[...Array(100).keys()]}]\n`),
    [at('14:1', 'matrix: 10100 cells, expected at most 10000')],
  ],
  // report
  [
    'rows of no axis',
    `${text}report: { rows: recipes }\n`,
    [at('18:17', "report.rows: no axis 'recipes' in the matrix; did you mean 'recipe'?")],
  ],
  [
    'a baseline that no row has',
    `${text}report: { rows: recipe, baseline: plane }\n`,
    [at('18:35', "report.baseline: no value 'plane' on the axis 'recipe'; did you mean 'plain'?")],
  ],
  // variables
  [
    'a variable of no axis',
    changed(['minutes: 50', `seed: ${variable('matrix.recip')}`]),
    [at('9:19', "no axis 'recip' in the matrix; did you mean 'recipe'?")],
  ],
  [
    'a variable of an unknown kind',
    changed(['minutes: 50', `seed: ${variable('run.id')}`]),
    [at('9:19', "no variable '${run.id}', expected ${matrix.<axis>} or ${env.<NAME>}")],
  ],
  [
    'a variable that is not set',
    changed(['minutes: 50', `glaze: ${variable('env.GLAZE')}`]),
    [at('9:20', '${env.GLAZE}: GLAZE is not set in the environment')],
  ],
  [
    'a variable without an end',
    changed(['minutes: 50', 'glaze: "a ${env.B"']),
    [at('9:20', "expected '}' after '${'; write '$${' for the two characters themselves")],
  ],
  [
    'a cell where there is none',
    `${text}labels: { a: "\${matrix.recipe}" }\n`,
    [at('18:14', '${matrix.recipe}: the matrix can be used under `stages:` and in overrides only')],
  ],
]

test.each(cases)('%s', (_name, file, said) => {
  expect(complaints({ text: file })).toEqual(said)
})
