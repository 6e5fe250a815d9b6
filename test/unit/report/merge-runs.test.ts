import { expect, test } from 'vitest'
import type { ReportCell, ReportInput, ReportJob } from '../../../orchestrator/report/input.ts'
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

/** Two seeds of `full` in one run and a third in a later one, whose job of this stage is another. */
function thirdSeed(stage: string, change: (job: ReportJob) => Partial<ReportJob>) {
  const base = reportInput()
  const [full] = base.cells as [ReportCell]
  const cells = [0, 1, 2].map(
    (seed): ReportCell => ({ ...full, name: `full,${seed}`, values: { variant: 'full', seed } }),
  )
  const trials = Object.fromEntries(cells.map(({ name }) => [name, trialsOf([])]))
  const job = base.jobs.find(({ key }) => key === full.jobs[stage])
  if (!job) throw new Error(`the fixture has no ${stage} job`)
  const moved = { ...job, ...change(job), key: 'f'.repeat(64) }
  const first = { ...base, cells: cells.slice(0, 2), trials }
  const last = { ...(cells[2] as ReportCell), jobs: { ...full.jobs, [stage]: moved.key } }
  return mergeRuns([first, later({ cells: [last], trials, jobs: [...base.jobs, moved] })])
}

const rowsOf = (input: ReportInput) =>
  buildTable(input)
    .rows.filter(({ kind }) => kind === 'cell')
    .map(({ name }) => name)

test('seeds of other code are a reason to refuse, and else stand in a row of their own', () => {
  const { input, problems } = thirdSeed('evaluate', () => ({ code: 'other' }))
  expect(problems).toEqual(['full,2 ran other code than the other cells in evaluate'])
  expect(rowsOf(input)).toEqual(['full', 'full (other code)'])
})

test('so are seeds that were trained with other settings', () => {
  const { input, problems } = thirdSeed('train', ({ config }) => ({ config: { ...config, steps: 900, seed: 2 } }))
  expect(problems).toEqual(['full,2 ran with other settings than the other seeds of its recipe in train'])
  expect(rowsOf(input)).toEqual(['full', 'full (other settings)'])
})

test('another seed, and another order of the settings, are the same recipe', () => {
  const turned = (config: ReportJob['config']) => Object.fromEntries(Object.entries(config).reverse())
  const { input, problems } = thirdSeed('train', ({ config }) => ({ config: { seed: 2, ...turned(config) } }))
  expect(problems).toEqual([])
  expect(rowsOf(input)).toEqual(['full'])
})
