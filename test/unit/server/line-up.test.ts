import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWanted, type Job, priorityOf } from '../../../orchestrator/run/job.ts'
import { LineUp, nextOf, type Turn } from '../../../orchestrator/server/line-up.ts'
import { anyJob } from './any-job.ts'

/** The order as it is said in one sentence, found by sorting all jobs anew. */
function inTurn(jobs: readonly Job[]): string[] {
  return [...jobs.entries()]
    .filter(([, job]) => job.phase === 'open' && isWanted(job) && job.shards.some(({ state }) => state === 'idle'))
    .sort(
      ([i, a], [j, b]) =>
        priorityOf(b) - priorityOf(a) || (a.readyAt ?? 0) - (b.readyAt ?? 0) || a.definedAt - b.definedAt || i - j,
    )
    .map(([, { key }]) => key)
}

function everyone(lines: readonly LineUp[]): Turn[] {
  const found: Turn[] = []
  for (let turn = nextOf(lines, null); turn; turn = nextOf(lines, turn)) found.push(turn)
  return found
}

const changes = fc.array(fc.record({ number: fc.nat(9), job: anyJob }), { maxLength: 60 })

test('whatever changes, the line is in the order of priority, then of arrival', () => {
  fc.assert(
    fc.property(changes, fc.boolean(), (steps, apart) => {
      const jobs: Job[] = []
      const lines = apart ? [new LineUp(), new LineUp()] : [new LineUp()]
      for (const { number, job } of steps) {
        const known = jobs[number] ? number : jobs.length
        jobs[known] = { ...job, key: `job ${known}` }
        lines[known % lines.length]?.take(jobs[known], known)
        expect(everyone(lines).map(({ key }) => key)).toEqual(inTurn(jobs))
      }
    }),
  )
})

test('how many are between two turns is counted, and who has left can still be asked about', () => {
  fc.assert(
    fc.property(changes, fc.nat(9), fc.nat(9), (steps, from, to) => {
      const line = new LineUp()
      for (const { number, job } of steps) line.take({ ...job, key: `job ${number}` }, number)
      const order = everyone([line])
      const [first, last] = [order[from], order[to]]
      if (!first || !last) return
      expect(line.between(first, last)).toBe(Math.max(0, to - from))
      const left = steps.find(({ number }) => `job ${number}` === first.key)
      if (!left) return
      line.take({ ...left.job, key: first.key, phase: 'succeeded' }, first.number)
      expect(line.turn(first.key)).toBeUndefined()
      expect(line.after(first)?.key).toBe(order[from + 1]?.key)
      expect(line.between(first, last)).toBe(Math.max(0, to - from - 1))
    }),
  )
})
