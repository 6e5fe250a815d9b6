import { expect, test } from 'vitest'
import type { Job } from '../../../orchestrator/run/job.ts'
import { foldRun, type RunEvent } from '../../../orchestrator/run/run.ts'
import { type Extent, findViolations, type Snapshot } from '../../../orchestrator/server/invariants.ts'
import { exited, jobAfter, placed, ready, started, type Timeless, unwanted, wanted } from '../run/fixtures.ts'

const [one, two] = ['a-0-1', 'a-0-2']
const toPlaced = [wanted(), ready, placed(1)]
const toRunning = [...toPlaced, started(1)]
const toExited = [...toRunning, exited({ kind: 'done' }, 1)]
const replaced: Timeless[] = [...toRunning, placed(2)]
const succeeded: Timeless = { type: 'job.succeeded', found: false, metrics: {}, summary: null, seconds: 1 }

const held = (attempt: string) => ({ attempt, cores: 1, gpus: [] })
const even: Extent = { aggregate: 'job/k', known: 3, ledger: 3, mirrored: 3, journal: 3, folded: 3 }

function run(...more: object[]) {
  const submitted = { type: 'run.submitted', run: 'r-1', jobs: ['k'.repeat(64)] }
  const folded = foldRun([submitted, ...more] as RunEvent[])
  if (!folded) throw new Error('no run')
  return folded
}

function look(job: Job | Timeless[], patch: Partial<Snapshot> = {}): [string, string][] {
  const folded = Array.isArray(job) ? jobAfter(job) : job
  const snapshot: Snapshot = {
    jobs: new Map([[folded.key, folded]]),
    runs: [],
    reservations: [],
    living: new Set(),
    observed: new Map(),
    extents: [],
    ...patch,
  }
  return findViolations(snapshot).map(({ invariant, detail }) => [invariant, detail])
}

test('an attempt that is placed, runs or has ended, as it should, violates nothing', () => {
  expect(look(toPlaced, { reservations: [held(one)], observed: new Map([[one, 'unclaimed']]) })).toEqual([])
  const runs = { reservations: [held(one)], living: new Set([one]), observed: new Map([[one, 'running']]) }
  expect(look(toRunning, { ...runs, extents: [even], runs: [run()] })).toEqual([])
  expect(look(toExited)).toEqual([])
})

test.each([
  [
    'a reservation of nobody',
    look(toExited, { reservations: [held(one)] }),
    'reservations',
    /no such attempt under way/,
  ],
  [
    'a reservation whose attempt has no process',
    look(toRunning, { reservations: [held(one)], observed: new Map([[one, 'exited']]) }),
    'reservations',
    /it is exited/,
  ],
  ['an attempt without a reservation', look(toPlaced), 'reservations', /without a reservation/],
  [
    'two attempts of a shard in the ledger',
    look(replaced, { reservations: [held(two)] }),
    'attempts',
    /has a-0-1 and a-0-2 under way at once/,
  ],
  [
    'two attempts of a shard alive',
    look(replaced, { reservations: [held(two)], living: new Set([one, two]) }).slice(1),
    'attempts',
    /both have processes/,
  ],
  [
    'fences that go back',
    look([...toExited, placed(1)], { reservations: [held(one)] }),
    'attempts',
    /don't grow: 1, 1/,
  ],
  ['an end in the ledger, and a process', look(toExited, { living: new Set([one]) }), 'processes', /has ended/],
  ['a process that no job knows', look([], { living: new Set(['a-x-1']) }), 'processes', /no job knows it/],
  [
    'a run that is over, and still has a process',
    look([...toRunning, unwanted()], {
      runs: [run({ type: 'run.finished', state: 'cancelled' })],
      reservations: [held(one)],
      living: new Set([one]),
      observed: new Map([[one, 'running']]),
    }),
    'processes',
    /it is cancelled, and a-0-1 still has a process/,
  ],
  [
    'a job both over and active',
    look([...toPlaced, succeeded], { reservations: [held(one)] }),
    'jobs',
    /it is succeeded, and a-0-1 is under way/,
  ],
  [
    'a ledger behind memory',
    look([], { extents: [{ ...even, ledger: 2, mirrored: 2, journal: 2 }] }),
    'events',
    /ledger 2/,
  ],
  [
    'a ledger ahead of memory',
    look([], { extents: [{ ...even, known: 2, folded: 2, journal: 2 }] }).slice(0, 1),
    'events',
    /memory 2/,
  ],
  ['a journal that lacks events', look([], { extents: [{ ...even, journal: 1 }] }), 'events', /takes 3 for mirrored/],
  ['a journal with more than there is', look([], { extents: [{ ...even, journal: 4 }] }), 'events', /store has 4/],
  ['a gap in the journal', look([], { extents: [{ ...even, journal: 'a gap' }] }), 'events', /a gap/],
])('%s is found', (_, found, invariant, detail) => {
  expect(found).toEqual([[invariant, expect.stringMatching(detail)]])
})

test('an engine that can not tell is no proof', () => {
  expect(look(toRunning, { reservations: [held(one)], observed: new Map([[one, 'unknown']]) })).toEqual([])
})

test('what is not mirrored yet is no gap, and journals that were not looked at say nothing', () => {
  expect(
    look([], {
      extents: [
        { ...even, mirrored: 1, journal: 2 },
        { ...even, journal: null },
      ],
    }),
  ).toEqual([])
})
