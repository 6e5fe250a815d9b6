import { expect, test } from 'vitest'
import { plainLines } from '../../../orchestrator/cli/view/plain-lines.ts'
import type { JobView, RunView } from '../../../orchestrator/server/api.ts'
import { ended, job, midTraining, run, start } from './views.ts'

const now = start + 192_000
const before = (given: Partial<JobView>): RunView => run([job('train', given)])

const changes: [string, Partial<JobView>, Partial<JobView>, string[]][] = [
  ['waiting is no news', {}, {}, []],
  ['placing is no news', { state: 'ready' }, { state: 'placed' }, []],
  [
    'starting is',
    { state: 'placed', attempts: 1 },
    { state: 'running', attempts: 1 },
    ['2026-11-22T21:07:12Z train running attempt=1 pool=local'],
  ],
  ['progress is not', { state: 'running', attempts: 1 }, { state: 'running', attempts: 1, startedAt: start }, []],
  [
    'another attempt is',
    { state: 'running', attempts: 1 },
    { state: 'running', attempts: 2 },
    ['2026-11-22T21:07:12Z train running attempt=2 pool=local'],
  ],
  [
    'the first attempt of another shard is not',
    { state: 'running', attempts: 1, shards: { total: 2, done: 0, running: 1 } },
    { state: 'running', attempts: 2, shards: { total: 2, done: 0, running: 2 } },
    [],
  ],
  [
    'a further attempt at a shard is',
    { state: 'running', attempts: 2, shards: { total: 2, done: 0, running: 2 } },
    { state: 'running', attempts: 3, shards: { total: 2, done: 0, running: 2 } },
    ['2026-11-22T21:07:12Z train running shards=2 attempts=3 pool=local'],
  ],
  [
    'a warning is, once',
    { state: 'running', attempts: 2, warnings: ['an old one'] },
    { state: 'running', attempts: 2, warnings: ['an old one', 'bits may differ'] },
    ['2026-11-22T21:07:12Z train warning "bits may differ"'],
  ],
  [
    'an attempt that ended badly says why',
    { state: 'running', attempts: 1 },
    { state: 'exited', attempts: 1, error: { code: 'CRASHED', message: 'rank 1 was killed', hint: null } },
    ['2026-11-22T21:07:12Z train exited attempt=1 "rank 1 was killed"'],
  ],
  [
    'success says how long it took and what was measured',
    { state: 'running' },
    {
      state: 'succeeded',
      startedAt: start,
      endedAt: start + 62_400,
      metrics: { absrel: 0.24123, 'success.mean': { k: 39, n: 40 } },
    },
    ['2026-11-22T21:05:02Z train succeeded 62s absrel=0.241 success.mean=39/40'],
  ],
  [
    'a cached job is told once',
    {},
    { state: 'succeeded', cached: true },
    ['2026-11-22T21:07:12Z train succeeded cached'],
  ],
  [
    'failure has its code and its words on one line',
    { state: 'running' },
    {
      state: 'failed',
      startedAt: start,
      endedAt: start + 2500,
      error: { code: 'CRASHED', message: 'two\nlines', hint: null },
    },
    ['2026-11-22T21:04:02Z train failed 2.5s CRASHED "two lines"'],
  ],
  [
    'what a ready job waits for is told',
    { state: 'ready' },
    { state: 'ready', waits: { reason: 'needs 2 cores, 0 free', since: start, until: null } },
    ['2026-11-22T21:07:12Z train ready waits="needs 2 cores, 0 free"'],
  ],
  [
    'a count in the reason that goes down is not news',
    { state: 'ready', waits: { reason: '3 jobs are ahead', since: start, until: null } },
    { state: 'ready', waits: { reason: '2 jobs are ahead', since: start, until: null } },
    [],
  ],
]

test.each(changes)('%s', (_name, from, to, lines) => {
  expect(plainLines(before(from), before(to), now)).toEqual(lines)
})

test('the first look tells all that is not waiting, jobs by the name that the next command takes', () => {
  expect(plainLines(null, midTraining(), now)).toEqual([
    '2026-11-22T21:07:12Z demos succeeded cached',
    '2026-11-22T21:07:12Z scenes succeeded cached',
    '2026-11-22T21:05:02Z depth-pretrain succeeded 62s depth.absrel.random_camera=0.241',
    '2026-11-22T21:07:12Z pseudo-depth running shards=2 pool=local',
    '2026-11-22T21:07:12Z train[full] running attempt=1 pool=local',
    '2026-11-22T21:07:12Z train[no-depth-expert] ready waits="needs 2 cores, 0 free; next after `train full`"',
  ])
})

test('the same look twice says nothing', () => {
  expect(plainLines(midTraining(), midTraining(), now)).toEqual([])
})

test('the end of the run is the last line, once', () => {
  expect(plainLines(null, ended(), now).at(-1)).toBe('2026-11-22T21:13:41Z run r-7k2pq succeeded 581s')
  expect(plainLines(ended(), ended(), now)).toEqual([])
})

test('trouble of the control plane is told once when it begins and once when it is over', () => {
  const trouble = { what: 'Redis at /s is full', code: 'REDIS_UNWRITABLE', since: now - 42_000 }
  const [well, ill] = [before({}), { ...before({}), troubles: [trouble] }]
  expect(plainLines(well, ill, now)).toEqual(['2026-11-22T21:06:30Z trouble REDIS_UNWRITABLE "Redis at /s is full"'])
  expect(plainLines(ill, ill, now)).toEqual([])
  expect(plainLines(ill, well, now)).toEqual(['2026-11-22T21:07:12Z well again REDIS_UNWRITABLE after 42s'])
})

test('a job that another run waits for too says so once, to both, until it is over', () => {
  const before = run([job('train', { state: 'running', attempts: 1 })])
  const shared = run([job('train', { state: 'running', attempts: 1, sharedWith: ['r-other'] })])
  expect(plainLines(before, shared, start)).toEqual([expect.stringMatching(/ train shared with=r-other$/)])
  expect(plainLines(shared, shared, start)).toEqual([])
  const done = run([job('train', { state: 'succeeded', sharedWith: ['r-other'] })])
  expect(plainLines(null, done, start).join()).not.toContain('shared')
})
