import { expect, test } from 'vitest'
import { planLines } from '../../../orchestrator/cli/view/plan-lines.ts'
import { cellRows } from '../../../orchestrator/plan/cell-rows.ts'
import { planTotals } from '../../../orchestrator/plan/plan-totals.ts'
import { changed } from '../spec/fixtures.ts'
import { job, planned } from './fixtures.ts'

const onGpus = changed(['resources: { ranks: 2 }', 'resources: { gpus: 4 }'])

test('the totals say how much the cells share, and what is not counted', () => {
  const plan = planned({ text: onGpus })
  const first = job(plan, 'bread').key
  const cached = (key: string) => key === job(plan, 'flour').key || key === first
  expect(planTotals(plan, { cached, gpuSeconds: () => 7200 })).toEqual({
    cells: 2,
    asked: 7,
    distinct: 6,
    cached: 2,
    toRun: 4,
    gpuHours: { toRun: 2, unshared: 4, unknown: [] },
  })
  expect(planTotals(plan, { cached, gpuSeconds: () => null }).gpuHours).toEqual({
    toRun: 0,
    unshared: 0,
    unknown: ['bread'],
  })
})

test('each stage of each cell is run, shared with the first that has it, cached, or not there', () => {
  const cells = [
    { cell: 'full,0', stages: { depth: 'd', train: 't0' } },
    { cell: 'full,1', stages: { depth: 'd', train: 't1' } },
    { cell: 'bare,0', stages: { train: 'b0' } },
  ]
  const { stages, rows } = cellRows(cells, (key) => key === 'b0', 20)
  expect(stages).toEqual(['depth', 'train'])
  expect(rows.map(({ marks }) => marks)).toEqual([
    [{ kind: 'run' }, { kind: 'run' }],
    [{ kind: 'shared', with: 'full,0' }, { kind: 'run' }],
    [{ kind: 'absent' }, { kind: 'cached' }],
  ])
})

test('of many cells, those that say the same are one row, and none is left out', () => {
  const cells = [...Array(1000).keys()].map((n) => ({
    cell: `c${n}`,
    stages: { depth: 'd', labels: `l${n >> 1}`, train: `t${n}` },
  }))
  const { rows } = cellRows(cells, () => false, 20)
  expect(rows.map(({ cells: { length }, marks }) => [length, marks])).toEqual([
    [1, [{ kind: 'run' }, { kind: 'run' }, { kind: 'run' }]],
    [500, [{ kind: 'shared', with: 'c0' }, { kind: 'shared', with: null }, { kind: 'run' }]],
    [499, [{ kind: 'shared', with: 'c0' }, { kind: 'run' }, { kind: 'run' }]],
  ])
})

test('the GPU-hours say what they leave out, and a plan without GPUs has none', () => {
  const totals = { cells: 1, asked: 4, distinct: 4, cached: 1, toRun: 3 }
  const second = (gpuHours: { toRun: number; unshared: number; unknown: string[] }) =>
    planLines({ pipeline: 'p', cells: [], jobs: [], totals: { ...totals, gpuHours } }, 0)
      .slice(0, -1)
      .map((line) => line.map(({ text }) => text).join(''))
  const head = '1 cell asks for 4 jobs: 1 cached, 3 to run'
  expect(second({ toRun: 0, unshared: 0, unknown: [] })).toEqual([head])
  expect(second({ toRun: 0, unshared: 0, unknown: ['train'] })).toEqual([
    head,
    'GPU-hours: no past attempts to tell them from',
  ])
  expect(second({ toRun: 1.25, unshared: 1203.4, unknown: ['train'] })).toEqual([
    head,
    'GPU-hours, as past attempts took: 1.3 to run, 1,203 without sharing; not counted, for want of past attempts: train',
  ])
})
