import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { bare, ended, root, until } from '../../support/daemon.ts'
import { submitHeld } from '../../support/held.ts'
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

test('hosts are shown with what is free, and why one is not used any more', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const first = await lab.agent('box-1', { cores: 3 })
  const { run, letGo } = await submitHeld(
    client,
    '  train: { entry: count, with: { steps: 100000 }, pool: lab, resources: { cores: 2 } }',
  )
  const box = { pool: 'lab', host: 'box-1', state: 'live', attempts: 1, gpus: { all: 0, free: 0 } }
  expect(await client.hosts()).toEqual([{ ...box, cores: { all: 3, free: 1 }, heardAt: expect.any(Number) }])
  const env = { ...bare(), ORCHESTRATE_STATE: lab.state, ...lab.env }
  const shown = await execa(join(root, 'orchestrator/cli/orchestrate'), ['status'], { env, extendEnv: false })
  expect(shown.stdout).toMatch(/lab\s+box-1\s+✔ live\s+1\/3\s+0\/0\s+1\s+just now/)
  first.process.kill('SIGTERM')
  const stateIs = (state: string) =>
    expect
      .poll(async () => (await client.hosts())[0], { timeout: 300_000 })
      .toMatchObject({ state, cores: { free: 0 } })
  await stateIs('draining')
  await letGo('train')
  expect((await until(client, run, ended)).state).toBe('succeeded')
  await stateIs('left')
  const again = await lab.agent('box-1', { state: first.state })
  await expect.poll(async () => (await client.hosts())[0]?.state, { timeout: 300_000 }).toBe('live')
  again.process.kill('SIGKILL')
  await stateIs('lost')
})

test('jobs are placed in order: a large one is not overtaken by small ones that came later', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  await lab.agent('box-1', { cores: 2 })
  await lab.agent('box-2', { cores: 2 })
  const holding = await submitHeld(client, '  hold: { entry: count, with: { steps: 100000 }, shards: 4, pool: lab }')
  const large = await submitStages(
    client,
    '  large: { entry: count, with: { steps: 4 }, resources: { cores: 2 }, pool: lab }',
  )
  await until(client, large.run, ({ jobs }) => jobs[0]?.waits?.reason !== undefined)
  const small = await Promise.all(
    Array.from({ length: 6 }, (_, i) =>
      submitStages(client, `  small: { entry: count, with: { steps: ${5 + i} }, pool: lab }`),
    ),
  )
  await holding.letGo('hold')
  for (const { run } of [large, ...small]) expect((await until(client, run, ended)).state).toBe('succeeded')
  const placedAt = async (stage: string, run: string) => (await client.job(stage, run)).attemptList[0]?.placedAt ?? 0
  const first = await placedAt('large', large.run)
  for (const { run } of small) expect(await placedAt('small', run)).toBeGreaterThanOrEqual(first)
  await expectInvariants(lab.daemon)
})
