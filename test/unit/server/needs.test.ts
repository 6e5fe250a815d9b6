import { expect, test } from 'vitest'
import type { Outcome } from '../../../orchestrator/run/job-events.ts'
import type { Run } from '../../../orchestrator/run/run.ts'
import { needsOf } from '../../../orchestrator/server/gc/needs.ts'
import {
  committed,
  crash,
  done,
  exited,
  jobAfter,
  placed,
  ready,
  retried,
  started,
  type Timeless,
  wanted,
} from '../run/fixtures.ts'

const lost: Outcome = { kind: 'nodeLost' }
const succeeded: Timeless = { type: 'job.succeeded', found: false, metrics: {}, summary: null, seconds: 1 }
const first = [wanted(), ready, placed(), started()]
const second = [retried(), placed(2), started(2)]

const runOf = (state: Run['state'], endedAt: number | null): Run =>
  ({ submitted: { run: 'r-1', jobs: [jobAfter([]).key] }, state, endedAt }) as unknown as Run
const needs = (events: Timeless[], runs: Run[] = [], reporting = false) =>
  needsOf(jobAfter(events), runs, () => reporting)

test.each<[name: string, events: Timeless[], standings: string[]]>([
  ['placed, it may write at any time', [wanted(), ready, placed()], ['live']],
  ['so it may while it runs', first, ['live']],
  ['it crashed', [...first, exited(crash)], ['ended']],
  ['it crashed, and another runs', [...first, exited(crash), ...second], ['ended', 'live']],
  ['it ended well, and its outputs are being taken', [...first, exited(done)], ['taken']],
  ['they are taken, and wait for other shards', [...first, exited(done), committed()], ['taken']],
  ['its host was lost', [...first, exited(lost)], ['lost']],
  ['its host was lost, and another runs', [...first, exited(lost), ...second], ['lost', 'live']],
  ['it can never start', [wanted(), ready, placed(), { type: 'attempt.revoked', shard: 0, fence: 1 }], ['ended']],
])('%s', (_name, events, standings) => {
  expect(needs(events).attempts.map(({ standing }) => standing)).toEqual(standings)
})

test('an artifact may be read while a run that has it goes on, or writes its report', () => {
  const over = [...first, exited(done), committed(), succeeded]
  expect(needs(first).wanted).toBe(true)
  expect(needs(over).wanted).toBe(false)
  expect(needs(over, [runOf('running', null)]).wanted).toBe(true)
  expect(needs(over, [runOf('succeeded', 70)])).toMatchObject({ wanted: false, usedAt: 70 })
  expect(needs(over, [runOf('succeeded', 70)], true).wanted).toBe(true)
})
