import { expect, test } from 'vitest'
import { badNodes } from '../../../orchestrator/run/bad-nodes.ts'
import type { Outcome } from '../../../orchestrator/run/job-events.ts'
import { exited, jobAfter, placed, ready, retried, started, wanted } from './fixtures.ts'

const DAY = 24 * 3_600_000

/** A job in pool `cluster` whose attempts ended so, one after the other. */
function jobWith(...outcomes: Outcome[]) {
  const events = outcomes.flatMap((outcome, index) => [
    placed(index + 1),
    started(index + 1),
    exited(outcome, index + 1),
    retried(),
  ])
  return jobAfter([wanted(), ready, ...events], { pool: 'cluster' })
}
const lost = (...nodes: string[]): Outcome => ({ kind: 'nodeLost', message: 'gone', nodes })

test('a node is bad when two attempts were lost on it, whichever jobs they were of', () => {
  expect(badNodes([jobWith(lost('n1'))], 'cluster', 0)).toEqual(new Map())
  expect(badNodes([jobWith(lost('n1', 'n2')), jobWith(lost('n2'), lost('n3'))], 'cluster', 0)).toEqual(
    new Map([['n2', 2]]),
  )
  expect(badNodes([jobWith(lost('n1', 'n1'))], 'cluster', 0)).toEqual(new Map())
})

test('other pools, other ends and a day ago do not count', () => {
  const job = jobWith(lost('n1'), { kind: 'preempted' }, lost('n1'), { kind: 'nodeLost' })
  expect(badNodes([job], 'elsewhere', 0).size).toBe(0)
  expect(badNodes([job], 'cluster', 0)).toEqual(new Map([['n1', 2]]))
  expect(badNodes([job], 'cluster', DAY + 100).size).toBe(0)
})
