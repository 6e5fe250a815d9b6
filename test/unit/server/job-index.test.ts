import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isOver, type Job } from '../../../orchestrator/run/job.ts'
import type { Run } from '../../../orchestrator/run/run.ts'
import { JobIndex } from '../../../orchestrator/server/job-index.ts'
import { anyJob } from './any-job.ts'

const keys = ['a', 'b', 'c', 'd']
const runOf = (id: string, jobs: string[]): Run =>
  ({ submitted: { run: id, jobs }, state: 'running', cancelled: null }) as unknown as Run

const step = fc.oneof(
  fc.record({ job: anyJob, key: fc.constantFrom(...keys) }),
  fc.record({ run: fc.constantFrom('r-1', 'r-2', 'r-3'), of: fc.subarray(keys) }),
)

test('what is kept up to date is what a walk through all jobs and runs would find, in whatever order they become known', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const index = new JobIndex()
      const jobs = new Map<string, Job>()
      const runs = new Map<string, Run>()
      for (const next of steps) {
        if ('job' in next) {
          const needs = keys.slice(0, keys.indexOf(next.key)) // what a job needs never changes
          const job = { ...next.job, key: next.key, planned: { ...next.job.planned, needs } }
          const before = jobs.get(next.key)
          jobs.set(next.key, job)
          index.takeJob(before, job)
        } else if (!runs.has(next.run)) {
          runs.set(next.run, runOf(next.run, next.of))
          index.takeRun(runOf(next.run, next.of), jobs)
        }
        const all = [...jobs.values()]
        expect([...index.unfinished.keys()].sort()).toEqual(
          all
            .filter((job) => !isOver(job))
            .map(({ key }) => key)
            .sort(),
        )
        for (const key of keys) {
          const readers = all.filter((job) => job.planned.needs.includes(key)).map((job) => job.key)
          expect([...index.readersOf(key)].sort()).toEqual(readers.sort())
          const having = [...runs.values()].filter((run) => run.submitted.jobs.includes(key))
          expect([...index.runsOf(key)].sort()).toEqual(having.map((run) => run.submitted.run).sort())
        }
        for (const [id, { submitted }] of runs) {
          const left = submitted.jobs.filter((key) => {
            const job = jobs.get(key)
            return !job || !isOver(job)
          })
          expect(index.left(id)).toBe(left.length)
        }
      }
    }),
  )
})
