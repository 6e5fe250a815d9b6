import { expect, test } from 'vitest'
import { complaints } from './fixtures.ts'

const cases: [name: string, given: { set?: string[]; only?: string[] }, said: string[]][] = [
  ['a setting without a value', { set: ['bread'] }, ['--set bread expected path=value, such as train.with.steps=100']],
  ['a setting without a path', { set: ['=3'] }, ['--set =3 expected path=value, such as train.with.steps=100']],
  [
    'a value that is no YAML',
    { set: ['bread.with.glaze={a'] },
    ['--set bread.with.glaze={a expected a value in YAML after \'=\', found "{a"'],
  ],
  [
    'an unknown stage',
    { set: ['braed.with.minutes=3'] },
    ["--set braed.with.minutes=3 no stage 'braed'; did you mean 'bread'?"],
  ],
  [
    'a wrong value',
    { set: ['bread.with.minutes=1k'] },
    ['--set bread.with.minutes=1k bread.with.minutes: expected an integer ≥ 1, found "1k"'],
  ],
  [
    'an unknown setting',
    { set: ['bread.with.minuts=1'] },
    ["--set bread.with.minuts=1 bread.with: no key 'minuts'; did you mean 'minutes'?"],
  ],
  [
    'a wrong value outside the stages',
    { set: ['priority=high'] },
    ['--set priority=high priority: expected a whole number, found "high"'],
  ],
  ['an unknown cell', { only: ['plane'] }, ["--only plane no cell 'plane'; did you mean 'plain'?"]],
  [
    'several at once, in the order of the command line',
    { set: ['x', 'bread.resources.gpus=-1'], only: ['none'] },
    [
      '--set x expected path=value, such as train.with.steps=100',
      '--set bread.resources.gpus=-1 bread.resources.gpus: expected a whole number ≥ 0, found -1',
      "--only none no cell 'none'; known: plain, bare",
    ],
  ],
]

test.each(cases)('%s', (_name, given, said) => {
  expect(complaints(given)).toEqual(said)
})
