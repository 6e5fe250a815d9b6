import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WorkerEvent } from '../../../orchestrator/protocol/worker-event.ts'
import { awakeTime, isOverdue, listen, noSilence, patience } from '../../../orchestrator/run/hang.ts'
import { noPulse, type Pulse, takeSign } from '../../../orchestrator/run/pulse.ts'

const minute = 60_000
const bounds = { floor: minute, ceiling: 30 * minute }

/** Rank 0 says it where no other does. */
type Said = WorkerEvent & { rank?: number }

const progress = (step: number, t: number, of = 1000, unit = 'steps'): WorkerEvent => ({
  type: 'progress',
  step,
  of,
  unit,
  t,
})
const hello: WorkerEvent = { type: 'hello', t: 0, versions: {}, device: 'cpu', rank: 0, world: 1, host: 'h', pid: 1 }
const busy = (what: string, seconds?: number): WorkerEvent =>
  seconds === undefined ? { type: 'busy', t: 0, what } : { type: 'busy', t: 0, what, seconds }
const done: WorkerEvent = { type: 'done', t: 0, metrics: {} }
const metric: WorkerEvent = { type: 'metric', t: 0, name: 'gpu', value: 1 }

/** Steps that each take `each` milliseconds; the first at `from`. */
const steps = (count: number, each: number, from = 0): WorkerEvent[] =>
  Array.from({ length: count }, (_, i) => progress(i + 1, from + i * each))

function pulseOf(said: Said[]): Pulse {
  const pulse = noPulse()
  for (const event of said) takeSign(pulse, event.rank ?? 0, event)
  return pulse
}

test.each<[what: string, said: Said[], silence: number, phase: string]>([
  ['that has said nothing is starting', [], 30 * minute, 'before its first step'],
  ['that has only said hello is starting', [hello], 30 * minute, 'before its first step'],
  ['of one step has taught nothing yet', steps(1, 1000), 30 * minute, 'in its first steps'],
  ['of three steps has taught nothing yet', steps(3, 1000), 30 * minute, 'in its first steps'],
  ['of quick steps has the floor', steps(50, 100), minute, 'between two steps'],
  ['of steps of 10 s has 20 times that', steps(50, 10_000), 200_000, 'between two steps'],
  ['of steps of 5 min has the ceiling', steps(10, 5 * minute), 30 * minute, 'between two steps'],
  [
    'whose every fifth report comes late is measured by the late ones',
    Array.from({ length: 50 }, (_, i) => progress(i + 1, i * 1000 + Math.floor(i / 5) * 9000)),
    200_000,
    'between two steps',
  ],
  [
    'that slept once for 8 h has learned nothing from it',
    [...steps(50, 10_000), progress(51, 8 * 60 * minute), progress(52, 8 * 60 * minute + 10_000)],
    200_000,
    'between two steps',
  ],
  [
    'whose clock was set back has learned nothing from it',
    [...steps(50, 10_000), progress(51, -8 * 60 * minute), progress(52, -8 * 60 * minute + 10_000)],
    200_000,
    'between two steps',
  ],
  ['that saves has the ceiling', [...steps(50, 100), busy('saving')], 30 * minute, 'while saving'],
  [
    'that expects slow work to take 1 h has twice that',
    [...steps(50, 100), busy('evaluating', 3600)],
    120 * minute,
    'while evaluating',
  ],
  [
    'whose many processes end side by side, as it says, has the ceiling for the next ones',
    [
      ...steps(16, 50),
      busy('waiting for more trials'),
      ...steps(32, 50, 3 * minute).slice(16),
      busy('waiting for more trials'),
    ],
    30 * minute,
    'while waiting for more trials',
  ],
  [
    'that goes on after slow work is measured again, and not by that',
    [...steps(50, 100), busy('saving'), progress(51, 20 * minute), progress(52, 20 * minute + 100)],
    minute,
    'between two steps',
  ],
  ['after its last step has the ceiling', steps(1000, 100), 30 * minute, 'after its last step'],
  ['that is done has the ceiling', [...steps(50, 100), done], 30 * minute, 'after its last step'],
  [
    'that counts something else now learns anew',
    [...steps(50, 100), progress(1, 6000, 80, 'trials')],
    30 * minute,
    'in its first steps',
  ],
  [
    'of two ranks of which one is done is measured by the other',
    [...steps(50, 100), ...steps(50, 10_000).map((event) => ({ ...event, rank: 1 })), done],
    200_000,
    'between two steps',
  ],
  [
    'of two ranks has the patience of the slower one',
    [...steps(50, 100), ...steps(50, 10_000).map((event) => ({ ...event, rank: 1 }))],
    200_000,
    'between two steps',
  ],
  [
    'whose rank 1 saved before it was done is not saving any more',
    [...steps(50, 100), { ...busy('saving'), rank: 1 }, { ...done, rank: 1 }],
    minute,
    'between two steps',
  ],
])('a worker %s', (_what, said, silence, phase) => {
  expect(patience(pulseOf(said), bounds)).toMatchObject({ silence, phase })
})

test('what a user allows holds also below the floor', () => {
  expect(patience(pulseOf(steps(50, 100)), { floor: minute, ceiling: 5000 }).silence).toBe(5000)
})

/** Listens tick by tick; says at which second the worker was overdue, or null. */
function overdueAt(pulse: Pulse, seconds: number, say: (second: number) => void = () => {}): number | null {
  let silence = noSilence
  for (let second = 1; second <= seconds; second++) {
    say(second)
    silence = listen(silence, pulse, 1000)
    if (isOverdue(silence, patience(pulse, bounds))) return second
  }
  return null
}

test('silence is overdue when it has lasted for longer than the patience, and not before', () => {
  expect(overdueAt(pulseOf(steps(50, 100)), 1000)).toBe(62) // the first tick hears what was said before it
  expect(overdueAt(pulseOf(steps(50, 10_000)), 1000)).toBe(202)
  expect(overdueAt(pulseOf([hello]), 3000)).toBe(1802)
})

test('to report the same step for ever is no sign of life', () => {
  const pulse = pulseOf(steps(50, 100))
  expect(overdueAt(pulse, 1000, (second) => takeSign(pulse, 0, progress(50, second * 1000)))).toBe(62)
})

test('other signs of life help for a while, but what makes no progress for as long as the ceiling hangs', () => {
  const pulse = pulseOf(steps(50, 100))
  expect(overdueAt(pulse, 3000, () => takeSign(pulse, 0, metric))).toBe(1802)
  const evaluating = pulseOf(steps(1000, 100))
  expect(overdueAt(evaluating, 3000, () => takeSign(evaluating, 0, metric))).toBe(null)
})

test.each([
  ['a tick in time', 1000, 1000],
  ['a tick that is a little late', 1800, 1800],
  ['a tick on a loaded machine counts for two at most', 4000, 2000],
  ['a tick after a night', 8 * 60 * minute, 0],
  ['a tick after the clock was set back', -5000, 0],
])('%s', (_what, elapsed, counted) => expect(awakeTime(elapsed, 1000)).toBe(counted))

/** What happens in one second of the control plane. */
const second = fc.oneof(
  { weight: 30, arbitrary: fc.constant({ elapsed: 1000, clock: 0 }) },
  // It slept, or was stopped, and its workers with it.
  { weight: 1, arbitrary: fc.record({ elapsed: fc.integer({ min: 5001, max: 36_000_000 }), clock: fc.constant(0) }) },
  // Somebody set the clock.
  { weight: 1, arbitrary: fc.record({ elapsed: fc.constant(1000), clock: fc.integer({ min: -1e8, max: 1e8 }) }) },
)

test('a worker whose steps take up to five times as long as others is never suspected, however machine and clock jump', () => {
  const world = fc.record({
    usual: fc.integer({ min: 50, max: 60_000 }),
    slower: fc.array(fc.double({ min: 1, max: 5, noNaN: true }), { minLength: 1, maxLength: 20 }),
    seconds: fc.array(second, { minLength: 100, maxLength: 1500 }),
  })
  fc.assert(
    fc.property(world, ({ usual, slower, seconds }) => {
      const pulse = pulseOf([hello])
      let [silence, clock, worked, step] = [noSilence, 0, 0, 0]
      for (const { elapsed, clock: set } of seconds) {
        clock += elapsed + set
        worked += Math.min(elapsed, 1000)
        for (;;) {
          const takes = usual * (slower[step % slower.length] ?? 1)
          if (worked < takes) break
          worked -= takes
          step += 1
          takeSign(pulse, 0, progress(step, clock - worked, 1e9))
        }
        silence = listen(silence, pulse, awakeTime(elapsed, 1000))
        expect(isOverdue(silence, patience(pulse, bounds))).toBe(false)
      }
    }),
    { numRuns: 200 },
  )
})

test('a worker that stops is found after the ceiling at the latest, whatever it has said before', () => {
  const said = fc.array(
    fc.oneof(
      fc.constant(hello),
      fc.constant(metric),
      fc.constant(busy('saving')),
      fc
        .record({ step: fc.nat(20), of: fc.constant(20), t: fc.nat(1e7) })
        .map(({ step, of, t }) => progress(step, t, of)),
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(said, (events) => {
      expect(overdueAt(pulseOf(events), 1802)).not.toBe(null)
    }),
    { numRuns: 200 },
  )
})
