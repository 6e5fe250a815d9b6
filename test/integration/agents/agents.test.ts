import { expect, test } from 'vitest'
import { ended, until } from '../../support/daemon.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitStages } from '../../support/pipelines.ts'
import { makeLab } from './lab.ts'

test('a pipeline runs on the hosts of a pool: its outputs come through the store, its words through its agents', async () => {
  const lab = await makeLab({ silence: '60s' }) // none is to count as lost, however slow the machine
  await lab.agent('box-1')
  await lab.agent('box-2')
  const { run } = await submitStages(
    lab.daemon.client,
    `
  first: { entry: count, with: { steps: 30, delay_ms: 20 }, shards: 4, pool: lab }
  second: { entry: join, inputs: { numbers: first.numbers }, pool: lab }`,
  )
  const view = await until(lab.daemon.client, run, ended)
  expect(view.jobs.map((job) => [job.stage, job.state, job.attempts])).toEqual([
    ['first', 'succeeded', 4],
    ['second', 'succeeded', 1],
  ])
  expect(view.jobs[1]?.metrics).toEqual({ even: { k: 15, n: 30 } })
  await expectInvariants(lab.daemon)
})
