import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { type Daemon, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { untilExists } from '../../support/files.ts'
import { submitHeld } from '../../support/held.ts'
import { submitFile, submitStages, writePipeline } from '../../support/pipelines.ts'
import {
  busyStages,
  cutJournals,
  cutRedis,
  ENDLESS,
  expectWhole,
  killRedis,
  redisPid,
  removeFiles,
} from './redis-lab.ts'

const cores = { ORCHESTRATE_CORES: '8' }

/** No invariant is hurt, and what the control plane leaves behind is whole. */
async function expectSound(daemon: Daemon, state: string): Promise<void> {
  expect((await daemon.client.invariants()).violations).toEqual([])
  await daemon.stop()
  await expectWhole(state)
}

test('a Redis that is killed again and again under the daemon is started again, and the run goes on', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, cores)
  const { run } = await submitStages(daemon.client, busyStages())
  const kills = [0, 1, 3]
  for (const wait of kills) {
    let seen = 0
    await until(daemon.client, run, (view) => ended(view) || seen++ >= wait)
    const before = await redisPid(state)
    await killRedis(state)
    // Acknowledged again: by a new server.
    const second = await submitStages(daemon.client, `  n${wait}: { entry: count, with: { steps: ${wait + 2} } }`)
    expect(await redisPid(state)).not.toBe(before)
    expect((await until(daemon.client, second.run, ended)).state).toBe('succeeded')
  }
  const view = await until(daemon.client, run, ended)
  expect(view.state).toBe('succeeded')
  await expect.poll(async () => (await daemon.client.health()).troubles).toEqual([])
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  await expectSound(daemon, state)
})

test('a Redis that comes back empty under the daemon gets everything back, and the run goes on', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, cores)
  const { run, letGo } = await submitHeld(daemon.client, busyStages(ENDLESS))
  await removeFiles(state)
  await killRedis(state)
  await letGo('first', 'other')
  const view = await until(daemon.client, run, ended)
  expect(view.state).toBe('succeeded')
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  const { before } = await daemon.client.recover()
  expect(before[0]).toMatchObject({ cause: 'restart', ledger: 0, store: 5, restored: 5, lost: 0 })
  expect((before[0]?.running ?? 0) + (before[0]?.exited ?? 0)).toBe(3)
  expect(before[0]?.reservations).toMatchObject({ restored: 3, givenBack: 0 })
  await expectSound(daemon, state)
})

test('a Redis that comes back older under the daemon gets back what it lost, and nothing is launched twice', async () => {
  const state = await makeState()
  const daemon = await startDaemon(state, cores)
  const first = await submitHeld(daemon.client, busyStages(ENDLESS))
  const second = await submitStages(daemon.client, busyStages(40))
  await until(daemon.client, second.run, (view) => ended(view) || view.jobs.some((job) => job.state === 'running'))
  await cutRedis(state, 'job.defined', 3)
  await first.letGo('first', 'other')
  for (const { run } of [first, second])
    expect((await until(daemon.client, run, ended)).jobs.map((job) => [job.state, job.attempts])).toEqual([
      ['succeeded', 2],
      ['succeeded', 1],
      ['succeeded', 1],
      ['succeeded', 1],
    ])
  const found = (await daemon.client.recover()).before[0]
  expect(found).toMatchObject({ cause: 'restart', replaced: 0, lost: 0 })
  expect(found?.events).toBeGreaterThan(10)
  await expectSound(daemon, state)
})

test('a daemon that starts on a Redis that came back older puts back what it lost', async () => {
  const state = await makeState()
  const first = await startDaemon(state, cores)
  const { run, letGo } = await submitHeld(first.client, busyStages(ENDLESS))
  await first.kill()
  await cutRedis(state, 'job.defined', 3)
  await letGo('other')
  const second = await startDaemon(state, cores)
  const { before } = await second.client.recover()
  expect(before[0]).toMatchObject({ cause: 'start', store: 5, ledger: 2, restored: 3, replaced: 0, lost: 0 })
  await letGo('first', 'other')
  const view = await until(second.client, run, ended)
  expect(view.state).toBe('succeeded')
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  await expectSound(second, state)
})

test('attempts whose placement is in no ledger and no journal are found by their fences, whether they run or have ended', async () => {
  const state = await makeState()
  const first = await startDaemon(state, cores)
  const { run, letGo } = await submitHeld(first.client, busyStages(ENDLESS))
  const { attemptList } = await first.client.job('other', run)
  await first.kill()
  await killRedis(state)
  await removeFiles(state)
  await letGo('other')
  await untilExists(`${attemptList[0]?.directory}/exit.json`)
  // The journal is up to a second behind: here it has nothing of what happened after the jobs were ready.
  await cutJournals(state, 'attempt.placed')
  const second = await startDaemon(state, cores)
  const { before, now } = await second.client.recover()
  expect(before[0]).toMatchObject({ cause: 'start', ledger: 0, restored: 5, fences: 3, adopted: 3 })
  expect(before[0]).toMatchObject({ running: 2, exited: 1, lost: 0 })
  expect(now).toMatchObject({ cause: 'asked', restored: 0, tails: 0, adopted: 0 })
  await letGo('first', 'other')
  const view = await until(second.client, run, ended)
  expect(view.state).toBe('succeeded')
  expect(view.jobs.map((job) => job.attempts)).toEqual([2, 1, 1, 1])
  await expectSound(second, state)
})

test('a daemon that was stopped in peace compares nothing at its next start', async () => {
  const state = await makeState()
  const first = await startDaemon(state)
  const { run } = await submitStages(first.client, '  first: { entry: count }')
  await until(first.client, run, ended)
  await first.stop()
  const second = await startDaemon(state)
  expect((await second.client.recover()).before).toEqual([])
  await second.kill()
  // The same Redis, still running: nothing can have got lost.
  const third = await startDaemon(state)
  expect((await third.client.recover()).before).toEqual([])
})

test('where another control plane has had the store meanwhile, the store is believed and not the Redis of before', async () => {
  const state = await makeState()
  const [one, two] = [join(state, 'one'), join(state, 'two')]
  for (const folder of [one, two]) onTestFinished(async () => (await startRedis(folder)).stop())
  const env = { ...cores, ORCHESTRATE_STORE: `file://${one}/store` }
  const first = await startDaemon(one, env)
  const { run, letGo } = await submitHeld(first.client, busyStages(ENDLESS))
  await first.stop()
  // Its last moments never reached the store: to the next one they have not been.
  await cutJournals(one, 'attempt.placed')
  const second = await startDaemon(two, env)
  await letGo('first', 'other')
  const view = await until(second.client, run, ended)
  expect(view.state).toBe('succeeded')
  await second.stop()
  const third = await startDaemon(one, env)
  expect((await third.client.recover()).before[0]).toMatchObject({ cause: 'start', store: 5, replaced: 2, tails: 3 })
  expect((await third.client.run(run)).state).toBe('succeeded')
  expect((await third.client.run(run)).jobs.map((job) => job.attempts)).toEqual(view.jobs.map((job) => job.attempts))
})

test('what still runs and nothing knows is asked to save and end, and the same work starts anew', async () => {
  const state = await makeState()
  const first = await startDaemon(state, cores)
  const file = await writePipeline('  slow: { entry: count, with: { steps: 100000, delay_ms: 50 } }')
  const { run } = await submitFile(first.client, file)
  await until(first.client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 1)
  const { attemptList } = await first.client.job('slow', run)
  await first.kill()
  await killRedis(state)
  await removeFiles(state)
  await rm(join(state, 'store/journal'), { recursive: true })
  const second = await startDaemon(state, cores)
  const exit = join(attemptList[0]?.directory ?? '', 'exit.json')
  await untilExists(exit)
  expect(JSON.parse(await readFile(exit, 'utf8'))).toMatchObject({ ranks: [{ code: 75 }] })
  const again = await submitFile(second.client, file)
  await until(second.client, again.run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 1)
  expect((await second.client.job('slow', again.run)).attemptList).toMatchObject([{ fence: 2, state: 'running' }])
  await second.client.cancel(again.run, 'now')
  await until(second.client, again.run, ended)
})

test('a store that holds nothing is one error', async () => {
  const { client } = await startDaemon(await makeState())
  await expect(client.recover()).rejects.toMatchObject({ code: 'STORE_EMPTY', exit: 4 })
})
