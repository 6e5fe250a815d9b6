import { expect, test } from 'vitest'
import type { JobEvent } from '../../../orchestrator/run/job-events.ts'
import { takeAccount } from '../../bench/scale/account.ts'
import { fateOf, jobEnd, rates, secondsOf } from '../../bench/scale/fate.ts'
import type { Seen } from '../../bench/scale/pretend/protocol.ts'
import { done, exited, placed, ready, started, type Timeless, wanted } from '../run/fixtures.ts'

const succeeded: Timeless = { type: 'job.succeeded', found: false, metrics: {}, summary: null, seconds: 1 }
const failed: Timeless = { type: 'job.failed', error: { code: 'CRASHED', message: 'no reason', hint: null } }
const well = [wanted(), ready, placed(), started(), exited(done), succeeded]
const history = (key: string, events: Timeless[]) => ({
  key,
  events: events.map((event, index) => ({ ...event, at: 1000 + 10 * index }) as JobEvent),
})
const seen = (patch: Partial<Seen> = {}): Seen => ({
  attempt: 'a-0-1',
  job: 'one',
  shard: 0,
  asked: 1,
  startedAt: 1025,
  endedAt: 1040,
  end: 'done',
  ...patch,
})

test('a job that was done once, and has its result, is neither lost nor doubled', () => {
  const account = takeAccount([history('one', well)], [seen()], 1)
  expect(account).toMatchObject({ lost: [], doubled: [], mostAtOnce: 1, ends: { done: 1 } })
  expect(account.filling).toEqual([15]) // ready at 1010
  expect(account.results).toEqual([10]) // ended at 1040, succeeded at 1050
})

test.each<[string, Timeless[], Seen[]]>([
  ['has no end', well.slice(0, -1), [seen()]],
  ['succeeded, and no attempt of it did', well, [seen({ end: 'preempted' })]],
  ['nothing that happened to it explains why', [...well.slice(0, -1), failed], [seen({ end: 'lost' })]],
  ['has not ended', well, [seen({ endedAt: null })]],
])('a job that %s is lost', (why, events, attempts) => {
  expect(takeAccount([history('one', events)], attempts, 1).lost).toEqual([expect.stringContaining(why)])
})

test.each<[string, Timeless[], Seen[]]>([
  [
    'ran at once',
    [...well, placed(2), started(2)],
    [seen({ end: 'lost' }), seen({ attempt: 'a-0-2', startedAt: 1039 })],
  ],
  [
    'was done twice',
    [...well, placed(2), started(2)],
    [seen(), seen({ attempt: 'a-0-2', startedAt: 1050, endedAt: 1060 })],
  ],
  ['ended twice', [...well, succeeded], [seen()]],
  ['the ledger has it not', well, [seen(), seen({ attempt: 'a-9-1', job: 'nobody' })]],
  ['is said to have run', [...well, placed(2), started(2)], [seen()]],
])('what %s is doubled', (why, events, attempts) => {
  expect(takeAccount([history('one', events)], attempts, 2).doubled).toEqual([expect.stringContaining(why)])
})

test('a start that waited for room waited since the room was there, not since it was ready', () => {
  const other = [wanted(), ready, { ...placed(), attempt: 'b-0-1' } as Timeless, started(), exited(done), succeeded]
  const jobs = [history('one', well), history('two', other)]
  const attempts = [seen(), seen({ attempt: 'b-0-1', job: 'two', startedAt: 1047, endedAt: 1048 })]
  expect(takeAccount(jobs, attempts, 1).dispatch).toEqual([7])
})

test('attempts end at the rates that were published, the same ones each time', () => {
  const jobs = Array.from({ length: 5_000 }, (_, index) => `job ${index}`)
  const share = (end: string) => jobs.filter((job) => fateOf(1, job, `${job}-1`).end === end).length / jobs.length
  expect(share('preempted')).toBeCloseTo(rates.attempt.preempted, 1)
  expect(share('lost')).toBeCloseTo(rates.attempt.lost, 2)
  expect(jobs.filter((job) => jobEnd(1, job) === 'failed').length / jobs.length).toBeCloseTo(rates.job.failed, 1)
  const mean = jobs.reduce((sum, job) => sum + secondsOf(1, job, 10), 0) / jobs.length
  expect(mean).toBeGreaterThan(9.5)
  expect(mean).toBeLessThan(10.5)
  expect(fateOf(1, 'job', 'attempt')).toEqual(fateOf(1, 'job', 'attempt'))
})
