import { expect, test } from 'vitest'
import { decideJob, type InputState } from '../../../orchestrator/run/decide-job.ts'
import type { Job } from '../../../orchestrator/run/job.ts'
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
  unwanted,
  wanted,
} from './fixtures.ts'

const input = (state: InputState['state']): InputState => ({ key: 'i', stage: 'before', state, error: null })
const stopping = { type: 'attempt.stopping', shard: 0, fence: 1, reason: 'unwanted' } as const
const misused = { kind: 'misused', error: { code: 'DATA', message: 'no frames', hint: null } } as const

const cases: [string, Job, InputState[], string[]][] = [
  ['a waiting job that nobody wants is cancelled', jobAfter([]), [], ['cancel']],
  ['a waiting job without inputs becomes ready', jobAfter([wanted()]), [], ['makeReady']],
  [
    'a waiting job whose inputs are all there becomes ready, whoever forgot to say so',
    jobAfter([wanted()]),
    [input('succeeded')],
    ['makeReady'],
  ],
  ['a waiting job waits for its inputs', jobAfter([wanted()]), [input('succeeded'), input('pending')], []],
  [
    'a waiting job whose input failed fails with it',
    jobAfter([wanted()]),
    [input('pending'), input('failed')],
    ['fail'],
  ],
  [
    'a waiting job whose input was cancelled waits: somebody is about to say what becomes of it',
    jobAfter([wanted()]),
    [input('cancelled')],
    [],
  ],
  ['a ready job is placed', jobAfter([wanted(), ready]), [], ['place']],
  [
    'a ready job that backs off is woken later',
    jobAfter([wanted(), ready, placed(), started(), exited(crash), retried(99_999)]),
    [],
    ['wake'],
  ],
  ['a ready job that nobody wants any more is cancelled', jobAfter([wanted(), ready, unwanted()]), [], ['cancel']],
  ['a placed job is launched', jobAfter([wanted(), ready, placed()]), [], ['launch']],
  [
    'a placed job that nobody wants any more is revoked, not just released',
    jobAfter([wanted(), ready, placed(), unwanted()]),
    [],
    ['revoke'],
  ],
  ['a running job is watched', jobAfter([wanted(), ready, placed(), started()]), [], ['watch']],
  [
    'a running job that nobody wants is asked to save and stop',
    jobAfter([wanted(), ready, placed(), started(), unwanted()]),
    [],
    ['watch', 'terminate'],
  ],
  ['it is asked once', jobAfter([wanted(), ready, placed(), started(), unwanted(), stopping]), [], ['watch']],
  [
    'asked to save, then wanted to end now, it is ended',
    jobAfter([wanted(), ready, placed(), started(), unwanted(), stopping, wanted(), unwanted('now')]),
    [],
    ['watch', 'terminate'],
  ],
  [
    'one of two wants is enough to go on',
    jobAfter([wanted('r-1'), wanted('r-2'), ready, placed(), started(), unwanted('now', 'r-1')]),
    [],
    ['watch'],
  ],
  [
    'a job that ended well is collected',
    jobAfter([wanted(), ready, placed(), started(), exited(done)]),
    [],
    ['collect'],
  ],
  [
    'a job that ended well but is wanted no more is cancelled',
    jobAfter([wanted(), ready, placed(), started(), unwanted(), exited(done)]),
    [],
    ['cancel'],
  ],
  [
    'a collected job is published',
    jobAfter([wanted(), ready, placed(), started(), exited(done), committed()]),
    [],
    ['publish'],
  ],
  ['a crash is tried again', jobAfter([wanted(), ready, placed(), started(), exited(crash)]), [], ['retry']],
  ['wrong input is not tried again', jobAfter([wanted(), ready, placed(), started(), exited(misused)]), [], ['fail']],
  [
    'the last crash fails the job',
    jobAfter([
      wanted(),
      ready,
      ...[1, 2, 3].flatMap((fence) => [
        placed(fence),
        started(fence),
        exited(crash, fence),
        ...(fence < 3 ? [retried()] : []),
      ]),
    ]),
    [],
    ['fail'],
  ],
  [
    'preemption is retried even when no crash is left',
    jobAfter([
      wanted(),
      ready,
      placed(),
      started(),
      exited(crash),
      retried(),
      placed(2),
      started(2),
      exited(crash, 2),
      retried(),
      placed(3),
      started(3),
      exited({ kind: 'preempted' }, 3),
    ]),
    [],
    ['retry'],
  ],
  [
    'shards go their own ways',
    jobAfter([wanted(), ready, placed(1, 1), started(1, 1), exited(done, 1, 1)], { shards: 3 }),
    [],
    ['place', 'collect', 'place'],
  ],
  [
    'a shard that fails for good ends its siblings first',
    jobAfter([wanted(), ready, placed(1, 0), started(1, 0), placed(1, 1), started(1, 1), exited(misused, 1, 0)], {
      shards: 2,
    }),
    [],
    ['watch', 'terminate'],
  ],
  ['a failed job stays so', jobAfter([wanted(), { type: 'job.failed', error: misused.error }]), [], []],
  [
    'a new want of a failed job starts it again',
    jobAfter([
      wanted(),
      ready,
      placed(),
      started(),
      exited(misused),
      { type: 'job.failed', error: misused.error },
      wanted('r-2'),
    ]),
    [],
    ['makeReady'],
  ],
]

test.each(cases)('%s', (_name, job, inputs, expected) => {
  expect(decideJob(job, inputs, 10_000).map((command) => command.kind)).toEqual(expected)
})

test('deciding twice says the same', () => {
  for (const [, job, inputs] of cases) expect(decideJob(job, inputs, 10_000)).toEqual(decideJob(job, inputs, 10_000))
})

test('back-off doubles with each crash', () => {
  const twice = jobAfter([
    wanted(),
    ready,
    placed(),
    started(),
    exited(crash),
    retried(),
    placed(2),
    started(2),
    exited(crash, 2),
  ])
  expect(decideJob(twice, [], 10_000)).toEqual([{ kind: 'retry', shard: 0, notBefore: 12_000 }])
})

test('the reason of a failed input is passed on to the end of the chain', () => {
  const error = { code: 'INPUT_FAILED', message: 'demos failed: no frames', hint: null, input: 'root' }
  const [command] = decideJob(jobAfter([wanted()]), [{ ...input('failed'), error }], 0)
  expect(command).toMatchObject({ kind: 'fail', error: { message: 'demos failed: no frames', input: 'root' } })
})
