import { describe, expect, test } from 'vitest'
import type { Attempt, Job } from '../../../orchestrator/run/job.ts'
import type { Outcome } from '../../../orchestrator/run/job-events.ts'
import { type AttemptLog, emptyLog } from '../../../orchestrator/server/attempt-log.ts'
import { goodput, jobPhases } from '../../../orchestrator/server/views/goodput.ts'
import { crash, jobAfter } from '../run/fixtures.ts'

const jobWith = (patch: { readyAt: number; attempts: Attempt[] }): Job => ({ ...jobAfter([]), ...patch })

/** Times in seconds. */
function attempt(fence: number, placed: number, ended: number, outcome: Outcome, shard = 0): Attempt {
  return {
    attempt: `a-${shard}-${fence}`,
    shard,
    fence,
    host: 'here',
    cores: 1,
    gpus: [],
    nodes: [],
    resume: [],
    placedAt: placed * 1000,
    startedAt: placed * 1000,
    stopping: null,
    found: null,
    endedAt: ended * 1000,
    outcome,
    revoked: false,
    step: null,
    reached: null,
  }
}

/** A log whose first report is of step `first`, with what it saved. */
function log(at: number, first: number, last: number, saved: { step: number; at: number }[] = []): AttemptLog {
  return {
    ...emptyLog(),
    firstProgressAt: at * 1000,
    firstStep: first,
    progress: { step: last, of: 100, unit: 'steps', at: 0 },
    saved: saved.map(({ step, at }) => ({ step, manifest: '', bytes: 0, stallMs: 500, at: at * 1000 })),
  }
}

describe('where the time of a job went', () => {
  test('an undisturbed attempt has queued, started, trained and saved, and lost nothing', () => {
    const job = jobWith({ readyAt: 10_000, attempts: [attempt(1, 15, 100, { kind: 'done' })] })
    const phases = jobPhases(job, new Map([['a-0-1', log(20, 0, 100, [{ step: 50, at: 60 }])]]), 0, 200_000)
    expect(phases).toEqual({
      queueing: 5,
      starting: 5,
      training: 79.5,
      saving: 0.5,
      restarting: 0,
      lost: 0,
      stepsComputed: 100,
      stepsLost: 0,
    })
    expect(goodput(phases)).toBeCloseTo(79.5 / 90)
  })

  test('after a crash, what was not saved is lost, and the way back to the first step is restarting', () => {
    const attempts = [{ ...attempt(1, 10, 80, crash), step: 50 }, attempt(2, 90, 150, { kind: 'done' })]
    const logs = new Map([
      ['a-0-1', log(20, 5, 60, [{ step: 50, at: 70 }])],
      ['a-0-2', log(95, 55, 100)],
    ])
    expect(jobPhases(jobWith({ readyAt: 10_000, attempts }), logs, 0, 200_000)).toEqual({
      queueing: 0,
      starting: 10,
      training: 49.5 + 55,
      saving: 0.5,
      restarting: 15,
      lost: 10,
      stepsComputed: 110,
      stepsLost: 10,
    })
  })

  test('one that could not read the checkpoint before it and began further back has computed more', () => {
    const attempts = [{ ...attempt(1, 10, 80, crash), step: 50 }, attempt(2, 90, 150, { kind: 'done' })]
    const logs = new Map([
      ['a-0-1', log(20, 5, 60, [{ step: 50, at: 70 }])],
      ['a-0-2', log(95, 25, 100)],
    ])
    const phases = jobPhases(jobWith({ readyAt: 10_000, attempts }), logs, 0, 200_000)
    expect(phases).toMatchObject({ stepsComputed: 60 + 75, stepsLost: 10 })
  })

  test('the time in which a job was cancelled is nobody’s', () => {
    const attempts = [attempt(1, 10, 80, { kind: 'stopped' }), attempt(2, 1010, 1060, { kind: 'done' })]
    const logs = new Map([
      ['a-0-1', log(20, 0, 50, [{ step: 50, at: 80 }])],
      ['a-0-2', log(1015, 50, 100)],
    ])
    // Resumed, it was ready again at 1,000.
    expect(jobPhases(jobWith({ readyAt: 1_000_000, attempts }), logs, 0, 2_000_000)).toMatchObject({
      restarting: 15,
      lost: 0,
      stepsLost: 0,
    })
  })

  test('shards wait and restart each on their own', () => {
    const attempts = [
      attempt(1, 10, 30, { kind: 'done' }, 0),
      attempt(1, 30, 40, crash, 1),
      attempt(2, 45, 60, { kind: 'done' }, 1),
    ]
    const logs = new Map([
      ['a-0-1', log(12, 0, 10)],
      ['a-1-1', log(32, 2, 4)],
      ['a-1-2', log(47, 0, 10)],
    ])
    expect(jobPhases(jobWith({ readyAt: 10_000, attempts }), logs, 0, 100_000)).toMatchObject({
      queueing: 20,
      starting: 4,
      restarting: 7,
      lost: 8,
      stepsComputed: 24,
      stepsLost: 4,
    })
  })
})
