import { describe, expect, test } from 'vitest'
import { cellLedger, cellsOfRuns } from '../../../orchestrator/run/cell-ledger.ts'
import type { Job } from '../../../orchestrator/run/job.ts'
import type { Run, RunCell } from '../../../orchestrator/run/run.ts'
import { jobAfter, runAfter } from './fixtures.ts'

const cell = (name: string, jobs: Record<string, string>): RunCell => ({ name, values: {}, jobs })

const run = (id: string, cells: RunCell[], state: Run['state'], cancelled: Run['cancelled'] = null): Run => ({
  ...runAfter([], { run: id, cells, jobs: [...new Set(cells.flatMap(({ jobs }) => Object.values(jobs)))] }),
  state,
  cancelled,
})

const job = (phase: Job['phase']): Job => ({ ...jobAfter([]), phase })
const jobs: Record<string, Job> = {
  data: job('succeeded'),
  good: job('succeeded'),
  bad: job('failed'),
  open: job('open'),
  stopped: job('cancelled'),
}
const stands = (cells: RunCell[], runs: Run[]) => cellLedger(cells, runs, (key) => jobs[key])

const full = cell('full', { data: 'data', train: 'good' })
const blind = cell('blind', { data: 'data', train: 'bad' })

describe('the ledger of cells', () => {
  test('cells of several runs are done, failed, running or missing', () => {
    const busy = cell('busy', { data: 'data', train: 'open' })
    const left = cell('left', { data: 'data', train: 'stopped' })
    const runs = [run('r-3', [left], 'cancelled'), run('r-2', [busy], 'running'), run('r-1', [full, blind], 'failed')]
    expect(stands([full, blind, busy, left, cell('new', { data: 'data' })], runs)).toEqual([
      { cell: 'full', state: 'done', run: 'r-1', reason: 'done in r-1' },
      { cell: 'blind', state: 'failed', run: 'r-1', reason: 'train failed in r-1: failed' },
      { cell: 'busy', state: 'running', run: 'r-2', reason: 'r-2 runs it' },
      { cell: 'left', state: 'missing', run: 'r-3', reason: 'r-3 ended before train was done' },
      { cell: 'new', state: 'missing', run: null, reason: 'no run had it' },
    ])
  })

  test('a cell of the same name whose code or config changed is missing, and the first stage that differs is named', () => {
    const changed = cell('full', { data: 'data', train: 'other' })
    expect(stands([changed], [run('r-1', [full], 'succeeded')])).toEqual([
      { cell: 'full', state: 'missing', run: 'r-1', reason: 'r-1 had it with another train' },
    ])
  })

  test('a cell that was done before it was changed, and changed back, is done', () => {
    const changed = cell('full', { data: 'data', train: 'bad' })
    const runs = [run('r-2', [changed], 'failed'), run('r-1', [full], 'succeeded')]
    expect(stands([full], runs)).toMatchObject([{ state: 'done', run: 'r-1' }])
  })

  test('a run that is being cancelled runs nothing', () => {
    const busy = cell('busy', { train: 'open' })
    expect(stands([busy], [run('r-1', [busy], 'running', 'save')])).toMatchObject([{ state: 'missing' }])
  })

  test('of runs with different cells each is listed once, as the newest has it', () => {
    const changed = cell('full', { data: 'data', train: 'other' })
    expect(cellsOfRuns([run('r-2', [changed], 'failed'), run('r-1', [full, blind], 'failed')])).toEqual([
      changed,
      blind,
    ])
  })
})
