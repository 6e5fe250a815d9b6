import { describe, expect, test } from 'vitest'
import type { Job } from '../../../orchestrator/run/job.ts'
import { decideRun, type Run } from '../../../orchestrator/run/run.ts'
import {
  crash,
  exited,
  jobAfter,
  placed,
  ready,
  runAfter,
  started,
  type Timeless,
  unwanted,
  wanted,
} from './fixtures.ts'

const error = { code: 'DATA', message: 'bad', hint: null }
const failed: Timeless = { type: 'job.failed', error }
const fallen: Timeless = { type: 'job.failed', error: { ...error, code: 'INPUT_FAILED', input: 'data' } }
const running = [ready, placed(), started()]
const stopped = { type: 'run.stopped', job: 'bad' } as const
const jobsAfter = (events: Record<string, Timeless[]>): Map<string, Job> =>
  new Map(Object.entries(events).map(([key, some]) => [key, jobAfter(some, { key })]))
const decide = (run: Run, events: Record<string, Timeless[]>) => decideRun(run, jobsAfter(events))

describe('once a job has failed for good', () => {
  const jobs = { bad: [wanted(), ready, failed], slow: [wanted(), ...running] }
  const submitted = { jobs: Object.keys(jobs) }

  test('a run goes on with the others', () => {
    expect(decide(runAfter([], submitted), jobs)).toEqual([])
    expect(decide(runAfter([], submitted), { ...jobs, slow: [wanted(), ready, failed] })).toEqual([
      { kind: 'finish', state: 'failed' },
    ])
  })

  const stop = { ...submitted, onFailure: 'stop' } as const
  const isStopped = runAfter([stopped], stop)

  test('one that is to stop does, and wants nothing more, whatever it had not wanted yet', () => {
    expect(decide(runAfter([], stop), jobs)).toEqual([{ kind: 'stop', key: 'bad' }])
    expect(decide(runAfter([], stop), { bad: jobs.bad })).toEqual([{ kind: 'stop', key: 'bad' }])
    expect(decide(isStopped, { bad: jobs.bad })).toEqual([{ kind: 'unwant', key: 'bad', mode: 'save' }])
  })

  test('a crash that is tried again is no failure yet', () => {
    expect(decide(runAfter([], stop), { ...jobs, bad: [wanted(), ...running, exited(crash)] })).toEqual([])
  })

  test('it says which job failed by itself, the first', () => {
    const all = { ...stop, jobs: ['late', 'reader', 'data'] }
    const late: Timeless[] = [wanted(), wanted(), wanted(), ready, failed]
    expect(decide(runAfter([], all), { late, reader: [wanted(), fallen], data: [wanted(), ready, failed] })).toEqual([
      { kind: 'stop', key: 'data' },
    ])
  })

  test('it lets go of its own wants only, and ends as failed once what nobody wants has ended', () => {
    const all = { ...stop, jobs: ['bad', 'slow', 'shared'] }
    const shared = [wanted(), wanted('r-2'), ...running]
    const run = runAfter([stopped], all)
    expect(decide(run, { ...jobs, shared })).toEqual(
      ['shared', 'slow', 'bad'].map((key) => ({ kind: 'unwant', key, mode: 'save' })),
    )
    const after = { bad: [...jobs.bad, unwanted()], shared: [...shared, unwanted()] }
    expect(decide(run, { ...after, slow: [...jobs.slow, unwanted()] })).toEqual([])
    const over: Timeless[] = [...jobs.slow, unwanted(), { type: 'job.cancelled' }]
    expect(decide(run, { ...after, slow: over })).toEqual([{ kind: 'finish', state: 'failed' }])
  })

  test('it stays stopped when another run starts the failed job again, and can be asked to stop now', () => {
    const again = { ...jobs, bad: [...jobs.bad, unwanted(), wanted('r-2')], slow: [...jobs.slow, unwanted()] }
    expect(decide(isStopped, again)).toEqual([])
    const impatient = runAfter([stopped, { type: 'run.cancelled', mode: 'now' }], stop)
    expect(decide(impatient, again)).toEqual([{ kind: 'unwant', key: 'slow', mode: 'now' }])
    expect(decide(impatient, { bad: again.bad })).toEqual([{ kind: 'finish', state: 'failed' }])
  })

  test('a resume wants all again, and an old failure does not stop it', () => {
    const resumed = runAfter([stopped, { type: 'run.finished', state: 'failed' }, { type: 'run.resumed' }], stop)
    expect(resumed).toMatchObject({ state: 'running', stoppedBy: null })
    const wants = ['bad', 'slow'].map((key) => ({ kind: 'want', key, cells: [], priority: 0, epoch: 1 }))
    expect(decide(resumed, { ...jobs, slow: [...jobs.slow, unwanted(), { type: 'job.cancelled' }] })).toEqual(wants)
    expect(decide(resumed, { bad: [...jobs.bad, wanted('r-1', 1)] })).toEqual([wants[1]])
    expect(decide(resumed, { ...jobs, bad: [...jobs.bad, wanted('r-1', 1), ready, failed] })).toEqual([
      { kind: 'stop', key: 'bad' },
    ])
  })
})
