import { expect, test } from 'vitest'
import { decideJob } from '../../../orchestrator/run/decide-job.ts'
import type { Job } from '../../../orchestrator/run/job.ts'
import type { Outcome } from '../../../orchestrator/run/job-events.ts'
import { exited, jobAfter, placed, ready, retried, started, type Timeless, unwanted, wanted } from './fixtures.ts'

const error = (code: string) => ({ code, message: 'it is NaN', hint: null })
const crash = (code = 'LOSS_NOT_FINITE', by: 'worker' | 'outside' = 'worker'): Outcome => ({
  kind: 'crashed',
  by,
  error: error(code),
})
const blocked: Outcome = { kind: 'blocked', error: error('STORE_UNREACHABLE') }

type End = { outcome: Outcome; reached?: number | null; step?: number | null; shard?: number }

/** A job of which one attempt after the other ended like this, with other events before the last one's placing. */
function jobOf(ends: End[], between: Timeless[] = [], shards = 1): Job {
  const last = ends.length - 1
  const events = ends.flatMap(({ outcome, reached = null, step = null, shard = 0 }, index): Timeless[] => {
    const fence = index + 1
    const end = { ...exited(outcome, fence, shard), reached, step }
    const again = index < last ? [retried(0, shard)] : []
    return [...(index === last ? between : []), placed(fence, shard), started(fence, shard), end, ...again]
  })
  return jobAfter([wanted(), ready, ...events], { shards })
}

const next = (job: Job) => decideJob(job, [], 1_000_000)[0]
const waits = (job: Job): number | null => {
  const command = next(job)
  return command?.kind === 'retry' ? command.notBefore - 1_000_000 : null
}

const policies: [string, Outcome, string, number | null][] = [
  ['done is collected', { kind: 'done' }, 'collect', null],
  ['a mistake is not tried again', { kind: 'misused', error: error('DATA') }, 'fail', null],
  ['neither is what lacked memory', { kind: 'outOfMemory', error: error('OUT_OF_MEMORY') }, 'fail', null],
  ['a crash is, after the back-off', crash(), 'retry', 1000],
  ['what hung is too', { kind: 'hung', error: error('HUNG') }, 'retry', 1000],
  ['who was asked to stop goes on at once', { kind: 'stopped' }, 'retry', 0],
  ['who was preempted goes on at once', { kind: 'preempted' }, 'retry', 0],
  ['whose node is lost goes on at once', { kind: 'nodeLost' }, 'retry', 0],
  ['who was blocked goes on after 5 s', blocked, 'retry', 5000],
]

test.each(policies)('%s', (_name, outcome, kind, wait) => {
  const job = jobOf([{ outcome }])
  expect([next(job)?.kind, waits(job)]).toEqual([kind, wait])
})

test.each(policies)('of retries are spent what it takes: %s', (_name, outcome) => {
  expect(jobOf([{ outcome }]).crashes).toBe(outcome.kind === 'crashed' || outcome.kind === 'hung' ? 1 : 0)
})

test('the back-off of the blocked doubles to 5 minutes, and never ends the job', () => {
  const streak = Array.from({ length: 9 }, () => ({ outcome: blocked }))
  const waited = streak.map((_, index) => waits(jobOf(streak.slice(0, index + 1))))
  expect(waited).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((s) => s * 1000))
})

test.each([
  [
    'an end of another kind',
    [{ outcome: blocked }, { outcome: blocked }, { outcome: crash() }, { outcome: blocked }],
    5000,
  ],
  ['a commit', [{ outcome: blocked }, { outcome: blocked }, { outcome: blocked, step: 10 }], 5000],
  ['no commit since', [{ outcome: blocked, step: 10 }, { outcome: blocked }], 10_000],
] satisfies [string, End[], number][])('the back-off of the blocked begins anew after %s', (_name, ends, wait) => {
  expect(waits(jobOf(ends))).toBe(wait)
})

const at = (reached: number | null, outcome: Outcome = crash(), step: number | null = null): End => ({
  outcome,
  reached,
  step,
})

test('two crashes of its own at the same step end the job though tries remain, and say where and why', () => {
  expect(next(jobOf([at(120, crash(), 100), at(120)]))).toEqual({
    kind: 'fail',
    error: {
      code: 'CRASH_LOOP',
      message: 'crashed twice at step 120 (attempts a-0-1, a-0-2): LOSS_NOT_FINITE: it is NaN',
      hint: expect.stringContaining('mend'),
    },
  })
})

test.each([
  ['at another step', [at(110), at(120)]],
  ['at no step that is known', [at(null), at(null)]],
  ['with another error', [at(120, crash('A')), at(120, crash('B'))]],
  ['after something new was committed', [at(120), at(120, crash(), 110)]],
  ['when the first was killed from outside', [at(120, crash('CRASHED', 'outside')), at(120, crash('CRASHED'))]],
  ['when the second was killed from outside', [at(120, crash('CRASHED')), at(120, crash('CRASHED', 'outside'))]],
  ['when one of them hung', [at(120, { kind: 'hung', error: error('HUNG') }), at(120)]],
  ['with another end in between', [at(120), at(120, { kind: 'preempted' }), at(120)]],
  ['in two shards', [at(120), { ...at(120), shard: 1 }]],
])('it is no crash loop %s', (_name, ends) => {
  expect(next(jobOf(ends, [], 2))?.kind).not.toBe('fail')
})

test('a new want tries anew, also at the step where it crashed before', () => {
  const failed: Timeless = { type: 'job.failed', error: error('CRASH_LOOP') }
  expect(next(jobOf([at(120), at(120)], [unwanted(), failed, wanted('r-2'), ready]))?.kind).toBe('retry')
})

test('the last crash that is allowed is told as what it is', () => {
  const job = jobOf([at(100), at(110), at(110)])
  expect(next(job)).toMatchObject({ kind: 'fail', error: { code: 'LOSS_NOT_FINITE' } })
})
