import { expect, test } from 'vitest'
import { endLines } from '../../../orchestrator/cli/view/end.ts'
import { paint } from '../../../orchestrator/cli/view/line.ts'
import { plainLines } from '../../../orchestrator/cli/view/plain-lines.ts'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { ended, job, run, start } from './views.ts'

const shown = (view: RunView, ending: Partial<Parameters<typeof endLines>[1]> = {}) =>
  endLines(view, { report: null, columns: 200, ...ending }).map((line) => paint(line, Number.POSITIVE_INFINITY, false))

test('a run that succeeded ends with its report and what to try next', () => {
  expect(shown(ended(), { report: 'the report\n\n  a table\n', file: 'jobs/quickstart.yaml' })).toEqual([
    'the report',
    '',
    '  a table',
    '',
    'report   /somewhere/reports/r-7k2pq/index.html',
    'next     orchestrate run jobs/quickstart.yaml --set <stage>.with.<key>=<value>   (reuses every job that this leaves as it is)',
  ])
})

test('without a report the run itself tells how it went', () => {
  expect(shown(ended())[0]).toBe(
    '✔ quickstart · r-7k2pq · 9m 41s · goodput 74% (training 7:12, saving 0:04, starting 0:27, queueing 1:58)',
  )
})

test('what workers warned of, and what was certified, is told too', () => {
  const jobs = [job('train', { state: 'succeeded', warnings: ['resumed on 1 rank: bits may differ'] })]
  const certified = { same: ['train', 'train'], different: ['label'], path: '/somewhere/certificate.md' }
  expect(shown(run(jobs, { state: 'succeeded', endedAt: start, certified })).slice(2, -1)).toEqual([
    '! train: resumed on 1 rank: bits may differ',
    '',
    'certify  /somewhere/certificate.md   (resumed to the same bits: train; to others: label)',
  ])
})

test('what to type for curves beside the report is told while a run goes on, and at its end', () => {
  const metrics = { folder: '/somewhere/metrics/r-7k2pq', tensorboard: true, wandb: 'offline' } as const
  const sync = 'wandb sync /somewhere/metrics/r-7k2pq/*/wandb.*/wandb/offline-run-*'
  expect(shown({ ...ended(), metrics }).slice(-4, -1)).toEqual([
    'report   /somewhere/reports/r-7k2pq/index.html',
    'metrics  tensorboard --logdir /somewhere/metrics/r-7k2pq',
    `         ${sync}`,
  ])
  expect(plainLines(null, run([], { metrics }), start)).toEqual([
    '2026-11-22T21:04:00Z run r-7k2pq metrics "tensorboard --logdir /somewhere/metrics/r-7k2pq"',
    `2026-11-22T21:04:00Z run r-7k2pq metrics "${sync}"`,
  ])
})

test('each job that failed by itself says why, what to do, and where to look', () => {
  const tail = ['one', 'two', 'three', 'four', 'five', 'six'].join('\n')
  const failed = job('train', {
    state: 'failed',
    cells: ['full'],
    attempts: 3,
    startedAt: start,
    endedAt: start + 2_460_000,
    error: {
      code: 'OUT_OF_MEMORY',
      message: 'CUDA out of memory at step 812',
      hint: 'use a smaller batch',
      rank: 5,
      attempt: 'a-93fd000000-3',
      tail,
    },
  })
  const other = job('train', { state: 'succeeded', cells: ['no-depth-expert'] })
  const fallen = job('evaluate', {
    state: 'failed',
    cells: ['full'],
    error: { code: 'INPUT_FAILED', message: 'train failed', hint: null, input: failed.key },
  })
  expect(shown(run([failed, other, fallen], { state: 'failed', endedAt: start + 2_470_000 }))).toEqual([
    '✘ quickstart · r-7k2pq · failed after 41m 10s',
    '',
    '✘ train[full] failed after 3 attempts in 41m 0s',
    '  rank 5: CUDA out of memory at step 812 (OUT_OF_MEMORY)',
    '  use a smaller batch',
    '  │ two',
    '  │ three',
    '  │ four',
    '  │ five',
    '  │ six',
    "  see    orchestrate logs 'train[full]' --stderr --rank 5",
    '  debug  orchestrate debug a-93fd000000-3',
    '',
    '⊘ not run, for want of an input: evaluate',
    '',
    "next     orchestrate why 'train[full]'",
    '         orchestrate resume r-7k2pq   (goes on from the last checkpoints)',
  ])
})

test('a run that a failure stopped says which job it was, and how to go on with the rest', () => {
  const error = { code: 'DATA', message: 'bad', hint: null }
  const failed = job('train', { state: 'failed', cells: ['full'], error })
  const jobs = [failed, ...['a', 'b'].map((cell) => job('train', { state: 'cancelled', cells: [cell] }))]
  const view = run(jobs, { state: 'failed', endedAt: start + 5000, stoppedBy: failed.key })
  expect(shown(view, { file: 'jobs/mine.yaml' }).slice(-4)).toEqual([
    'stopped  by train[full], which failed (on_failure: stop); 2 jobs left undone',
    "next     orchestrate why 'train[full]'",
    '         orchestrate resume r-7k2pq   (goes on from the last checkpoints)',
    '         orchestrate run jobs/mine.yaml --missing   (the same in a new run)',
  ])
  const before = run(jobs)
  expect(plainLines(before, { ...before, stoppedBy: failed.key }, start)).toEqual([
    '2026-11-22T21:04:00Z run r-7k2pq stopping by=train[full]',
  ])
})

test('a run that was stopped says how to go on', () => {
  expect(shown(run([], { state: 'cancelled', endedAt: start + 5000 }))).toEqual([
    '■ quickstart · r-7k2pq · cancelled after 5s',
    '',
    'next     orchestrate resume r-7k2pq   (goes on from the last checkpoints)',
  ])
})

test('a remark that does not fit is left out, never the command', () => {
  expect(shown(run([], { state: 'cancelled', endedAt: start }), { columns: 60 }).at(-1)).toBe(
    'next     orchestrate resume r-7k2pq',
  )
})
