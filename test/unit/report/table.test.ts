import { expect, test } from 'vitest'
import type { ReportInput, Trial } from '../../../orchestrator/report/input.ts'
import { buildTable, type Row } from '../../../orchestrator/report/table.ts'
import type { Value } from '../../../orchestrator/report/values.ts'
import { reportInput, tasks, trialsOf } from '../../fixtures/report/report-input.ts'

const say = (value: Value | undefined) => {
  if (value?.kind === 'count') return `${value.k}/${value.n}`
  return value?.kind === 'numbers' ? value.values : value?.kind
}
const shown = (row: Row | undefined) => [row?.name, row?.values.map(say), say(row?.mean), row?.metrics.map(say)]

/** Cells `variant, seed` with their trials. */
function seeded(trials: Record<string, Trial[]>): ReportInput {
  const [cell] = reportInput().cells
  return reportInput({
    trials,
    cells: Object.keys(trials).map((name) => {
      const [variant = '', seed = '0'] = name.split(',')
      return { ...(cell as ReportInput['cells'][number]), name, values: { variant, seed: Number(seed) } }
    }),
  })
}

test('cells come first, then what the untrained policy and the expert do on the same trials', () => {
  const table = buildTable(reportInput())
  expect(table.columns).toEqual(tasks)
  expect(table.rows.map(shown)).toEqual([
    ['full', ['20/20', '19/20'], '39/40', [[0.2612]]],
    ['no-depth-expert', ['20/20', '20/20'], '40/40', ['none']],
    ['untrained', ['0/20', '0/20'], '0/40', ['none']],
    ['expert', ['20/20', '20/20'], '40/40', ['none']],
  ])
  expect(table.rows.map(({ baseline }) => baseline)).toEqual([false, true, false, false])
  expect(table.metrics).toEqual([
    { name: 'depth.absrel.random_camera', label: 'absrel', about: 'depth, random camera', bestConstant: 0.4103 },
  ])
})

test('seeds of one variant are one row, over equal trials', () => {
  const table = buildTable(
    seeded({ 'full,0': trialsOf(['drawer-open-v3/7']), 'full,1': trialsOf([]), 'no-depth-expert,0': trialsOf([]) }),
  )
  expect(shown(table.rows[0])).toEqual(['full', ['40/40', '39/40'], '79/80', [[0.2612, 0.2612]]])
})

test('a seed without trials makes its row missing, and says so', () => {
  const { rows } = buildTable(seeded({ 'full,0': trialsOf([]), 'full,1': [], 'no-depth-expert,0': trialsOf([]) }))
  expect(shown(rows[0]).slice(0, 3)).toEqual(['full', ['none', 'none'], 'none'])
  expect(rows[0]?.notes).toContain('1 of 2 seeds have trials: not averaged')
})

test('seeds that stood before different trials are not averaged', () => {
  const { rows } = buildTable(
    seeded({ 'full,0': trialsOf([]), 'full,1': trialsOf([], 19), 'no-depth-expert,0': trialsOf([]) }),
  )
  expect(say(rows[0]?.mean)).toBe('none')
  expect(rows[0]?.notes).toContain('the seeds stood before different trials: not averaged')
})

test('an axis that is no seed keeps its cells apart', () => {
  const [cell] = reportInput().cells as [ReportInput['cells'][number]]
  const cells = [0.1, 0.2].map((lr) => ({ ...cell, name: `full,${lr}`, values: { variant: 'full', lr } }))
  expect(
    buildTable(reportInput({ cells, trials: {} }))
      .rows.slice(0, 2)
      .map(({ name }) => name),
  ).toEqual(['full, lr 0.1', 'full, lr 0.2'])
})

test('a row with fewer trials than the others keeps its counts and has no mean', () => {
  const input = reportInput({ trials: { full: trialsOf([], 12), 'no-depth-expert': trialsOf([]) } })
  const { rows } = buildTable(input)
  expect(shown(rows[0]).slice(0, 3)).toEqual(['full', ['12/12', '12/12'], 'none'])
  expect(rows[0]?.notes).toEqual(['other trials than the other rows (24 of 40): no mean'])
  expect(say(rows[1]?.mean)).toBe('40/40')
})

test('tasks with different numbers of trials have no mean', () => {
  const own = trialsOf([]).filter(({ task, trial }) => task !== 'drawer-open-v3' || trial < 10)
  const { rows } = buildTable(reportInput({ trials: { full: own, 'no-depth-expert': own } }))
  expect(shown(rows[0]).slice(1, 3)).toEqual([['20/20', '10/10'], 'none'])
})

test('a cell that still runs has none yet, a failed one none', () => {
  const [full, base] = reportInput().cells as [ReportInput['cells'][number], ReportInput['cells'][number]]
  const cells = [
    { ...full, state: 'running' as const, metrics: {} },
    { ...base, name: 'failed', values: { variant: 'failed' }, state: 'failed' as const, metrics: {} },
  ]
  const { rows } = buildTable(reportInput({ cells, trials: { failed: [] } }))
  expect(rows.map(({ name, mean }) => [name, mean.kind])).toEqual([
    ['full', 'noneYet'],
    ['failed', 'none'],
  ])
})

test('a trial recorded twice spoils the count, so there is none', () => {
  const twice = [...trialsOf([]), ...trialsOf([])]
  const { rows } = buildTable(reportInput({ trials: { full: twice, 'no-depth-expert': trialsOf([]) } }))
  expect(rows[0]?.notes).toEqual(['a trial is recorded twice: not counted'])
  expect(say(rows[0]?.values[0])).toBe('none')
})

test('without records of trials the counts of the metrics stand in', () => {
  const { rows } = buildTable(reportInput({ trials: {} }))
  expect(rows.map(shown).map((row) => row.slice(0, 3))).toEqual([
    ['full', ['20/20', '19/20'], '39/40'],
    ['no-depth-expert', ['20/20', '20/20'], '40/40'],
    ['untrained', ['none', 'none'], '0/40'],
    ['expert', ['none', 'none'], '40/40'],
  ])
})

test('untrained policies that differ are a row each: a trial is never counted twice', () => {
  const lucky = trialsOf([]).map((trial) =>
    trial.policy === 'untrained' && trial.trial === 3 ? { ...trial, success: true } : trial,
  )
  const { rows } = buildTable(reportInput({ trials: { full: lucky, 'no-depth-expert': trialsOf([]) } }))
  expect(rows.slice(2).map((row) => [row.name, say(row.mean)])).toEqual([
    ['untrained, full', '2/40'],
    ['untrained, no-depth-expert', '0/40'],
    ['expert', '40/40'],
  ])
})

test('a value that is a number and no count is shown as one, without a mean', () => {
  const cells = reportInput().cells.map((cell) => ({ ...cell, metrics: { 'error.near': 0.25, 'error.far': 0.5 } }))
  const { rows, columns } = buildTable(
    reportInput({ cells, trials: {}, spec: { rows: 'variant', columns: 'range', value: 'error', baseline: null } }),
  )
  expect(columns).toEqual(['near', 'far'])
  expect(shown(rows[0]).slice(1, 3)).toEqual([[[0.25], [0.5]], 'none'])
})

test('a cell whose job ran on another device than the rest says so', () => {
  const { jobs, cells } = reportInput()
  const moved = jobs.map((job) =>
    job.stage === 'train' && job.cells[0] === 'full' ? { ...job, world: 4, device: 'H100' } : job,
  )
  const third = { ...(cells[1] as ReportInput['cells'][number]), name: 'third', values: { variant: 'third' } }
  const { rows } = buildTable(reportInput({ jobs: moved, cells: [...cells, third] }))
  expect(rows[0]?.notes).toEqual(['train ran on 4 × H100, the others on 2 × cpu'])
  expect(rows[1]?.notes).toEqual([])
})

test('a run with no cells has an empty table', () => {
  expect(buildTable(reportInput({ cells: [], jobs: [], trials: {} })).rows).toEqual([])
})
