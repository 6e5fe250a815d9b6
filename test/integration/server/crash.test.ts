import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { untilExists } from '../../support/files.ts'
import { submitHeld } from '../../support/held.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitFile, writePipeline } from '../../support/pipelines.ts'

test('a control plane that is killed leaves its workers at work, and the next one adopts them', async () => {
  const state = await makeState()
  const first = await startDaemon(state)
  const { run, letGo } = await submitHeld(
    first.client,
    '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }\n  after: { entry: join, inputs: { numbers: slow.numbers } }',
  )
  const running = await until(first.client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 5)
  await first.kill()
  const second = await startDaemon(state)
  await letGo('slow')
  const view = await until(second.client, run, ended)
  await expectInvariants(second)
  expect(view.state).toBe('succeeded')
  expect(view.jobs.map((job) => job.attempts)).toEqual([1, 1])
  const before = running.jobs[0]?.progress?.step ?? 0
  expect(view.goodput.stepsComputed).toBeGreaterThan(before)
})

test('an end that came while nobody looked is collected', async () => {
  const state = await makeState()
  const first = await startDaemon(state)
  const stage = '  short: { entry: count, with: { steps: 100000, delay_ms: 10 } }'
  const { run, letGo } = await submitHeld(first.client, stage)
  const attempt = (await first.client.job('short', run)).attemptList[0]
  await first.kill()
  await letGo('short')
  await untilExists(`${attempt?.directory}/exit.json`)
  const second = await startDaemon(state)
  expect(await until(second.client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
})

test('killed again and again at whatever it was doing, it launches nothing twice and loses nothing', async () => {
  const state = await makeState()
  const file = await writePipeline(
    `
  first: { entry: count, with: { steps: 30, delay_ms: 20 }, shards: 3 }
  second: { entry: join, inputs: { numbers: first.numbers } }`,
    'matrix: { variant: { a: {}, b: { first.with.steps: 31 } } }',
  )
  let daemon = await startDaemon(state)
  const { run } = await submitFile(daemon.client, file)
  for (const wait of [1, 0, 2, 1, 3, 0]) {
    let seen = 0
    await until(daemon.client, run, (view) => ended(view) || seen++ >= wait)
    await daemon.kill()
    daemon = await startDaemon(state)
    await expectInvariants(daemon)
  }
  const view = await until(daemon.client, run, ended)
  await expectInvariants(daemon)
  expect(view.state).toBe('succeeded')
  for (const job of view.jobs) {
    const { attemptList } = await daemon.client.job(job.key, run)
    expect(attemptList.filter((attempt) => attempt.outcome === 'done')).toHaveLength(job.shards.total)
  }
  expect(view.cells.map((cell) => cell.metrics.even)).toEqual([
    { k: 15, n: 30 },
    { k: 16, n: 31 },
  ])
})

test('a Redis that comes back empty is rebuilt from the store, running attempts and all', async () => {
  const state = await makeState()
  const first = await startDaemon(state)
  const { run, letGo } = await submitHeld(
    first.client,
    '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }\n  after: { entry: join, inputs: { numbers: slow.numbers } }',
  )
  await until(first.client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 5)
  await first.stop()
  await rm(join(state, 'redis'), { recursive: true })
  const second = await startDaemon(state)
  await letGo('slow')
  const view = await until(second.client, run, ended)
  await expectInvariants(second)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }, { attempts: 1 }] })
})

test('a state directory has one daemon', async () => {
  const state = await makeState()
  const { process } = await startDaemon(state)
  await expect(startDaemon(state)).rejects.toMatchObject({
    code: 'DAEMON_RUNNING',
    exit: 4,
    message: expect.stringContaining(String(process.pid)),
  })
})
