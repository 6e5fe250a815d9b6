import { expect, test } from 'vitest'
import type { ReportInput } from '../../../orchestrator/report/input.ts'
import { mergeRuns } from '../../../orchestrator/report/merge-runs.ts'
import { buildTable } from '../../../orchestrator/report/table.ts'
import { reportInput, trialsOf } from '../../fixtures/report/report-input.ts'

/** A later run, r-later, of the same matrix with only `full` in it. */
function later(changes: Partial<ReportInput> = {}): ReportInput {
  const base = reportInput()
  const cells = base.cells.filter(({ name }) => name === 'full')
  const run = { ...base.run, id: 'r-later', createdAt: base.run.createdAt + 1000 }
  return { ...base, run, cells, trials: { full: trialsOf(['drawer-open-v3/1']) }, ...changes }
}

const notesOf = (input: ReportInput, row: string) => buildTable(input).rows.find(({ name }) => name === row)?.notes

test('of each cell the latest that finished counts, in whatever order the runs are named', () => {
  const failed = later({ cells: later().cells.map((cell) => ({ ...cell, state: 'failed' as const })), trials: {} })
  failed.run = { ...failed.run, id: 'r-last', createdAt: failed.run.createdAt + 1000 }
  const { input, problems } = mergeRuns([failed, later(), reportInput()])
  expect(problems).toEqual([])
  expect(input.cells.map(({ name, run }) => [name, run])).toEqual([
    ['full', 'r-later'],
    ['no-depth-expert', 'r-7k2p4'],
  ])
  expect(input.trials.full).toEqual(later().trials.full)
  expect(notesOf(input, 'full')).toContain('full from r-later')
})

test('a cell that finished in no run is a reason to refuse', () => {
  const unfinished = reportInput()
  unfinished.cells = unfinished.cells.map((cell) => ({ ...cell, state: 'failed' as const }))
  expect(mergeRuns([unfinished, later()]).problems).toEqual(['no-depth-expert failed in r-7k2p4'])
})

test('other trials are a reason to refuse', () => {
  expect(mergeRuns([reportInput(), later({ trials: { full: trialsOf([], 12) } })]).problems).toEqual([
    'full stood before other trials than no-depth-expert (24 trials, 40)',
  ])
})

test('seeds of other code are a reason to refuse, and else stand in a row of their own', () => {
  const base = reportInput()
  const [full] = base.cells as [ReportInput['cells'][number]]
  const cells = [0, 1, 2].map((seed) => ({ ...full, name: `full,${seed}`, values: { variant: 'full', seed } }))
  const trials = Object.fromEntries(cells.map(({ name }) => [name, trialsOf([])]))
  const evaluate = base.jobs.find(({ key }) => key === full.jobs.evaluate)
  if (!evaluate) throw new Error('the fixture has no evaluate job')
  const moved = { ...evaluate, key: 'f'.repeat(64), code: 'other' }
  const first = { ...base, cells: cells.slice(0, 2), trials }
  const last = { ...full, ...cells[2], jobs: { ...full.jobs, evaluate: moved.key } } as ReportInput['cells'][number]
  const { input, problems } = mergeRuns([first, later({ cells: [last], trials, jobs: [...base.jobs, moved] })])
  expect(problems).toEqual(['full,2 ran other code than the other cells in evaluate'])
  expect(
    buildTable(input)
      .rows.filter(({ kind }) => kind === 'cell')
      .map(({ name }) => name),
  ).toEqual(['full', 'full (other code)'])
})
