import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wakeTime } from '../../../orchestrator/queue/wake-time.ts'

const now = fc.integer({ min: 1.6e12, max: 2.2e12 })
const delay = fc.integer({ min: 1, max: 7 * 24 * 3_600_000 })

test('a wake-up is never early, and late by a sixteenth of its delay or 16 ms at most', () => {
  fc.assert(
    fc.property(now, delay, (from, ms) => {
      const late = wakeTime(from, ms) - (from + ms)
      expect(late).toBeGreaterThanOrEqual(0)
      expect(late).toBeLessThan(Math.max(16, ms / 16) + 1)
    }),
  )
})

test('asking at every moment for the same delay leaves a few dozen wake-ups, not thousands', () => {
  fc.assert(
    fc.property(now, delay, (from, ms) => {
      const moments = Array.from({ length: 1000 }, (_, i) => from + Math.floor((i * ms) / 1000))
      expect(new Set(moments.map((moment) => wakeTime(moment, ms))).size).toBeLessThanOrEqual(34)
    }),
  )
})

test('asking at different moments for one time far away leaves few wake-ups', () => {
  const due = 1.7e12 + 3_600_000
  const asked = Array.from({ length: 3600 }, (_, i) => 1.7e12 + i * 1000)
  expect(new Set(asked.map((moment) => wakeTime(moment, due - moment))).size).toBeLessThan(20)
})
