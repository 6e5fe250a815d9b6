import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { type Daemon, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { writeHeld } from '../../support/held.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitFile } from '../../support/pipelines.ts'
import { spawnDaemon, spawnStandby } from '../../support/spawn-daemon.ts'
import { testRedis } from '../ledger/redis.ts'

test('of many daemons that start at once on one state directory one acts, and the others name it', async () => {
  const state = await makeState()
  const { ready, refused } = await race(5, () => spawnDaemon(state))
  const { process } = ready
  expect(refused).toHaveLength(4)
  for (const error of refused)
    expect(error).toMatchObject({ code: 'DAEMON_RUNNING', message: expect.stringContaining(`(pid ${process.pid})`) })
})

test('of many state directories that start at once on one store one acts, and the others name it', async () => {
  const home = await makeState()
  const states = await Promise.all(Array.from({ length: 4 }, makeState))
  const { ready, refused } = await race(4, (index) =>
    spawnDaemon(states[index] ?? '', { ORCHESTRATE_STORE: `file://${home}/store` }),
  )
  expect(refused).toHaveLength(3)
  const { state, pid } = await ready.client.health()
  for (const error of refused)
    expect(error).toMatchObject({
      code: 'STORE_OWNED',
      exit: 4,
      message: expect.stringMatching(new RegExp(`control plane of ${state} on .* \\(pid ${pid}\\)`)),
    })
})

test('a standby takes over the state directory of a daemon that is killed, and its attempts go on', async () => {
  const state = await makeState()
  const { file, starts, letGo } = await countingPipeline(state)
  const owner = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(owner.client, file)
  await until(owner.client, run, isTraining)
  const standby = await standBehind(join(state, 'state'))
  expect(standby.follows).toBe(`the daemon (pid ${owner.process.pid}) of ${join(state, 'state')}`)
  await owner.kill()
  const next = await standby.ready
  await letGo('first')
  const view = await until(next.client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }, { attempts: 1 }] })
  expect(await starts()).toHaveLength(2)
  await expectInvariants(next)
})

test('a standby takes over the store of a daemon that is frozen, and that one ends without harm when it wakes', async () => {
  // At the same time, for it is 15 s of silence that both wait for.
  await Promise.all([takeOverFrozen({}), sharedRedis().then((url) => takeOverFrozen({ REDIS_URL: url }))])
})

async function takeOverFrozen(settings: Record<string, string>): Promise<void> {
  const folder = await makeState()
  const { file, starts, letGo } = await countingPipeline(folder)
  const env = { ...settings, ORCHESTRATE_STORE: `file://${folder}/store` }
  const owner = await startDaemon(join(folder, 'owner'), env)
  const { run } = await submitFile(owner.client, file)
  await until(owner.client, run, isTraining)
  const standby = await standBehind(join(folder, 'standby'), env)
  expect(standby.follows).toMatch(`the control plane of ${join(folder, 'owner')} on `)

  owner.process.kill('SIGSTOP')
  onTestFinished(() => void owner.process.kill('SIGCONT')) // whatever fails, it can be ended
  const next = await standby.ready
  owner.process.kill('SIGCONT')
  await owner.exited
  expect(owner.process.exitCode).toBe(0)
  expect(await readFile(join(folder, 'owner/logs/daemon.log'), 'utf8')).toContain('another control plane has taken')

  await letGo('first')
  const view = await until(next.client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', cells: [{ metrics: { even: { k: 50_000, n: 100_000 } } }] })
  const all = await starts()
  expect(new Set(all).size).toBe(all.length)
  await expectInvariants(next)
}

async function race(count: number, start: (index: number) => Promise<Daemon>) {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, (_, index) => start(index)))
  const [ready, ...more] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  for (const daemon of [ready, ...more]) onTestFinished(async () => daemon?.stop())
  expect(more).toEqual([])
  if (!ready) throw new Error(`nobody acts: ${JSON.stringify(outcomes)}`)
  return { ready, refused: outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])) }
}

async function standBehind(state: string, env: Record<string, string> = {}) {
  const standby = await spawnStandby(state, env)
  onTestFinished(async () => {
    standby.process.kill()
    if (standby.process.exitCode === null && standby.process.signalCode === null) await once(standby.process, 'exit')
  })
  return standby
}

/** Trains until it is let go; each attempt notes its name when it starts. */
async function countingPipeline(folder: string) {
  const notes = join(folder, 'starts')
  await writeFile(notes, '')
  const note = `open(${JSON.stringify(notes)}, "a").write(job["attempt"] + "\\n")\n`
  const held = await writeHeld(
    '  first: { entry: count, with: { steps: 100000, delay_ms: 20 } }\n  second: { entry: join, inputs: { numbers: first.numbers } }',
    (source) => source.replace('signal.signal(', `${note}signal.signal(`),
  )
  return { ...held, starts: async () => (await readFile(notes, 'utf8')).split('\n').filter(Boolean) }
}

const isTraining = (view: RunView): boolean => (view.jobs[0]?.progress?.step ?? 0) > 1

async function sharedRedis(): Promise<string> {
  const redis = await testRedis()
  onTestFinished(() => redis.end())
  return redis.socket
}
