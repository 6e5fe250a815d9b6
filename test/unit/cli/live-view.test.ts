import { expect, test } from 'vitest'
import { width } from '../../../orchestrator/cli/view/line.ts'
import { runScreen } from '../../../orchestrator/cli/view/run-screen.ts'
import { job, midTraining, progress, run, start } from './views.ts'

const now = start + 192_000
const all = Number.POSITIVE_INFINITY
const screen = (columns: number, rows = all, view = midTraining()) =>
  runScreen(view, { columns, rows, colours: false, now })

test('a wide screen shows everything that is known of a job', () => {
  expect(screen(120)).toEqual([
    'quickstart · run r-7k2pq · 2 cells · 8 jobs (1 shared, 2 cached) · pool local: 2 cores',
    '',
    '  ✔ demos                     cached  80 episodes, 3,485 frames',
    '  ✔ scenes                    cached  1,650 frames',
    '  ✔ depth-pretrain            1m 2s   depth.absrel.random_camera 0.24',
    '  ◐ pseudo-depth              2:10    ━━━━────────────  1/2 shards  20/80 episodes  2.0/s  ETA 0:30',
    '  ◐ train full                2:10    ━━━━━━━━━━━─────  412/600 steps  3.4/s  loss 0.41 █▆▄▃▂▁▁▁  ETA 0:55  saved @400',
    '  ◔ train no-depth-expert     waits: needs 2 cores, 0 free; next after `train full`',
    '  ◌ evaluate full             waits for train full',
    '  ◌ evaluate no-depth-expert  waits for train no-depth-expert',
  ])
})

test('a running job that seems to hang says so', () => {
  const waits = { reason: 'waits for a sign of life: none for 61 s between two steps', since: now, until: null }
  const view = run([job('train', { state: 'running', startedAt: start, progress: progress(), waits })])
  expect(screen(120, all, view).join('\n')).toMatch(
    /◐ train +3:12 +412\/600 {2}waits for a sign of life: none for 61 s/,
  )
})

test('at 80 columns whole figures give way, the least important first', () => {
  expect(screen(80)).toEqual([
    'quickstart · run r-7k2pq · 2 cells · 8 jobs (1 shared, 2 cached)',
    '',
    '  ✔ demos                     cached  80 episodes, 3,485 frames',
    '  ✔ scenes                    cached  1,650 frames',
    '  ✔ depth-pretrain            1m 2s   depth.absrel.random_camera 0.24',
    '  ◐ pseudo-depth              2:10    ━━──────  1/2 shards  20/80  ETA 0:30',
    '  ◐ train full                2:10    ━━━━━╸──  412/600 steps  ETA 0:55',
    '  ◔ train no-depth-expert     waits: needs 2 cores, 0 free; next after `train f…',
    '  ◌ evaluate full             waits for train full',
    '  ◌ evaluate no-depth-expert  waits for train no-depth-expert',
  ])
})

test('at 60 columns steps and the time left are still there', () => {
  expect(screen(60)).toContain('  ◐ train full                2:10    412/600  ETA 0:55')
})

test.each([20, 40, 60, 80, 120])('no line is wider than a screen of %i columns', (columns) => {
  const wide = run([
    job('名前の長いステージ', { state: 'running', startedAt: start, progress: progress({ unit: 'エピソード' }) }),
    job('a-stage-with-a-name-that-is-much-too-long-for-any-screen', {
      state: 'failed',
      error: { code: 'X', message: 'long '.repeat(50), hint: null },
    }),
  ])
  for (const line of [...screen(columns), ...screen(columns, all, wide)])
    expect(width(line)).toBeLessThanOrEqual(columns)
})

test('many jobs are folded into as many rows as there are: what is done first, then what waits', () => {
  expect(screen(80, 8)).toEqual([
    'quickstart · run r-7k2pq · 2 cells · 8 jobs (1 shared, 2 cached)',
    '',
    '  ✔ 3 jobs: 2 cached, 1 succeeded',
    '  ◐ pseudo-depth              2:10    ━━──────  1/2 shards  20/80  ETA 0:30',
    '  ◐ train full                2:10    ━━━━━╸──  412/600 steps  ETA 0:55',
    '  ◔ train no-depth-expert     waits: needs 2 cores, 0 free; next after `train f…',
    '  ◌ evaluate full             waits for train full',
    '  ◌ evaluate no-depth-expert  waits for train no-depth-expert',
  ])
  expect(screen(80, 7).slice(2)).toEqual([
    '  ✔ 3 jobs: 2 cached, 1 succeeded',
    '  ◐ pseudo-depth              2:10    ━━──────  1/2 shards  20/80  ETA 0:30',
    '  ◐ train full                2:10    ━━━━━╸──  412/600 steps  ETA 0:55',
    '  ◌ 3 jobs: 1 ready, 2 waiting',
  ])
})

test.each([3, 4, 5, 10, 24])('200 running and failed jobs fit a terminal of %i rows, the failed ones first', (rows) => {
  const jobs = Array.from({ length: 200 }, (_, i) =>
    job(
      `stage-${i}`,
      i === 150 ? { state: 'failed', error: { code: 'X', message: 'boom', hint: null } } : { state: 'running' },
    ),
  )
  const lines = screen(80, rows, run(jobs))
  expect(lines.length).toBeLessThanOrEqual(Math.max(rows, 4))
  expect(lines.some((line) => line.includes('boom'))).toBe(true)
})

test('a job that fell with its input looks different from the one that failed', () => {
  const failed = job('train', {
    state: 'failed',
    cells: ['full'],
    error: { code: 'CRASHED', message: 'out of memory', hint: null },
  })
  const fallen = job('evaluate', {
    state: 'failed',
    cells: ['full'],
    error: { code: 'INPUT_FAILED', message: 'train failed', hint: null, input: failed.key },
  })
  expect(screen(80, all, run([failed, fallen])).slice(2)).toEqual([
    '  ✘ train     out of memory',
    '  ⊘ evaluate  train failed',
  ])
})

test('the last warning of an unfinished job stands below the jobs', () => {
  const warned = job('train', { state: 'running', progress: progress(), warnings: ['first', 'saving fails'] })
  const over = job('demos', { state: 'succeeded', warnings: ['odd'] })
  expect(screen(80, all, run([over, warned])).slice(4)).toEqual(['  ! train: saving fails'])
  expect(screen(80, 4, run([over, warned]))).toHaveLength(4)
})

test('control characters of a worker never reach the terminal', () => {
  const evil = job('demos', { state: 'succeeded', summary: 'a\u001b[2Jb\nc\u009bd' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  for (const line of screen(80, all, run([evil]))) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
})

test('colours add nothing but colours', () => {
  const coloured = runScreen(midTraining(), { columns: 80, rows: all, colours: true, now })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
  const stripped = coloured.map((line) => line.replace(/\u001b\[\d+m/g, '').trimEnd())
  expect(coloured).not.toEqual(stripped)
  expect(stripped).toEqual(screen(80))
})

test('what the control plane has trouble with stands above the run, with for how long, and takes its room', () => {
  const troubles = [{ what: 'Redis at /s does not answer', code: 'REDIS_UNREACHABLE', since: now - 42_000 }]
  const view = { ...midTraining(), troubles }
  const lines = screen(120, all, view)
  expect(lines[0]).toBe('✘ for 0:42: Redis at /s does not answer (REDIS_UNREACHABLE); attempts go on')
  expect(lines.slice(1)).toEqual(screen(120))
  expect(screen(120, 8, view).length).toBeLessThanOrEqual(8)
})
