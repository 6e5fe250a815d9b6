import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { untilExists } from '../../support/files.ts'
import { submitHeld } from '../../support/held.ts'
import { submitStages } from '../../support/pipelines.ts'
import { busyStages, ENDLESS, expectWhole, killRedis, redisPid, redisSocket, removeFiles } from './redis-lab.ts'

test('a Redis that is full is said with since when, submissions are refused, training goes on, and all else when there is room', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, { ORCHESTRATE_CORES: '8' })
  const { client } = daemon
  const { run, letGo } = await submitHeld(client, busyStages(ENDLESS))
  const admin = await connectRedis(redisSocket(state), 'admin')
  onTestFinished(() => admin.close())
  const filledAt = Date.now()
  await admin.redis.config('SET', 'maxmemory', '1')
  const troubled = await until(client, run, (view) => view.troubles.length > 0)
  expect(troubled.troubles).toMatchObject([{ code: 'REDIS_UNWRITABLE', what: expect.stringContaining('OOM') }])
  expect(troubled.troubles[0]?.since).toBeGreaterThanOrEqual(filledAt)
  await expect(submitStages(client, '  new: { entry: count }')).rejects.toMatchObject({
    code: 'REDIS_UNWRITABLE',
    exit: 4,
  })
  expect((await client.why('first', run)).evidence[0]).toMatch(/^since .* \(REDIS_UNWRITABLE\); attempts go on$/)
  // Its workers end while nothing can be written down.
  await letGo('first', 'other')
  for (const { directory } of (await client.job('first', run)).attemptList) await untilExists(`${directory}/exit.json`)
  expect((await client.health()).troubles).toMatchObject([{ code: 'REDIS_UNWRITABLE' }])
  await admin.redis.config('SET', 'maxmemory', '0')
  const view = await until(client, run, ended)
  expect(view.state).toBe('succeeded')
  await expect.poll(async () => (await client.health()).troubles).toEqual([])
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  expect((await daemon.client.invariants()).violations).toEqual([])
  await daemon.stop()
  await expectWhole(state)
})

test('a Redis that answers nothing for a while holds up no question, and what ended meanwhile is recorded after', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, { ORCHESTRATE_CORES: '8' })
  const { client } = daemon
  const { run, letGo } = await submitHeld(client, busyStages(ENDLESS))
  const pid = await redisPid(state)
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {} // it has ended with its daemon
  })
  const frozen = Date.now()
  expect((await client.run(run)).state).toBe('running')
  const { troubles } = await until(client, run, (view) => view.troubles.length > 0)
  expect(troubles).toMatchObject([{ code: 'REDIS_UNREACHABLE', what: expect.stringContaining('does not answer') }])
  await letGo('first', 'other')
  // Nobody waits longer for an answer than a command may take.
  await expect(submitStages(client, '  new: { entry: count }')).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' })
  expect((await client.runs()).length).toBe(1)
  await pause(Math.max(0, frozen + 30_000 - Date.now())) // the fault itself takes this long
  process.kill(pid, 'SIGCONT')
  const view = await until(client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded' })
  // An append that was given up may have been carried out after all: then it is known again, and mirrored.
  await expect.poll(async () => (await client.health()).troubles).toEqual([])
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  expect((await daemon.client.invariants()).violations).toEqual([])
  await daemon.stop()
  await expectWhole(state)
})

test('a Redis of our own that can not be started again says why, and is there again when it can', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, { ORCHESTRATE_CORES: '8' })
  const { client } = daemon
  const { run, letGo } = await submitHeld(client, busyStages(ENDLESS))
  await removeFiles(state)
  await writeFile(join(state, 'redis/appendonlydir'), 'in the way')
  await killRedis(state)
  const { troubles } = await until(client, run, (view) => view.troubles.some(({ code }) => code === 'REDIS_FAILED'))
  expect(troubles).toMatchObject([{ what: expect.stringContaining('Redis ended at its start') }])
  await letGo('first', 'other')
  await removeFiles(state)
  const view = await until(client, run, ended)
  expect(view.state).toBe('succeeded')
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  expect((await daemon.client.invariants()).violations).toEqual([])
  await daemon.stop()
  await expectWhole(state)
})
