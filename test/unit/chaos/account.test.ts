import { expect, test } from 'vitest'
import { account } from '../../chaos/account.ts'
import type { Line } from '../../chaos/book.ts'
import { truth } from '../../chaos/truth.ts'

const states = truth({ seed: 's', shard: 0, ranks: 1, steps: 20, before: [] })
const truths = new Map([['job', [states]]])
const manifest = (step: number): string => `jobs/job/s0/1/checkpoints/${step}/manifest.json`

/** What one attempt wrote: `[seconds, kind, number, text]`. */
const attempt = (fence: number, ...lines: [number, string, number?, (string | undefined)?][]): Line[] =>
  lines.map(([seconds, kind, number = 0, text = '-']) => ({
    ...{ t: seconds * 1000, kind, number, text, fence },
    ...{ job: 'job', shard: 0, rank: 0, pid: fence },
  }))

const first = attempt(1, [1, 'start', 20], [2, 'from', 0, states[0]], [3, 'step', 5], [4, 'save', 5], [5, 'step', 8])
const nothing = { lost: 0, duplicated: 0, torn: 0 }

test.each([
  ['from its last checkpoint: what came after it is lost', 5, states[5], {}, { lost: 3 }],
  ['from nothing, though a checkpoint was sound', 0, states[0], {}, { lost: 3, duplicated: 5 }],
  ['from a state that never was', 5, states[6], {}, { lost: 3, torn: 1 }],
  ['from nothing, since its checkpoint was damaged', 0, states[0], { broken: 5, damaged: 5 }, { lost: 8 }],
  ['a checkpoint is broken that nobody damaged', 0, states[0], { broken: 5 }, { lost: 3, duplicated: 5, torn: 1 }],
] as const)(
  'an attempt goes on %s',
  (_, from, state, { broken, damaged }: { broken?: number; damaged?: number }, cost) => {
    const found = broken ? attempt(2, [20.5, 'broken', 0, manifest(broken)]) : []
    const second = attempt(2, [20, 'start', 20], [21, 'from', from, state], [22, 'step', from + 1])
    const harmed = new Set(damaged ? [manifest(damaged)] : [])
    expect(account([...first, ...found, ...second], [0, 5200, 30_000], truths, harmed)).toEqual([
      nothing,
      { ...nothing, ...cost },
      nothing,
    ])
  },
)

test('two attempts that train at the same time do so in vain', () => {
  const second = attempt(2, [20, 'start', 20], [21, 'from', 5, states[5]])
  const late = attempt(1, [22, 'step', 9])
  expect(account([...first, ...second, ...late], [5200], truths, new Set())).toEqual([
    { lost: 4, duplicated: 1, torn: 0 },
  ])
})
