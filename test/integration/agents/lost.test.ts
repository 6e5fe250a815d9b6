import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ended, until } from '../../support/daemon.ts'
import { submitHeld } from '../../support/held.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { killRanks, makeLab, type RunningAgent, ranksIn } from './lab.ts'

const deadline = { timeout: 300_000, interval: 100 }
const attemptsOf = (agent: RunningAgent) => ranksIn(join(agent.state, 'attempts'))
const held = '  train: { entry: count, with: { steps: 100000, delay_ms: 20 }, pool: lab }'

test('a host that dies is lost after its silence: what it ran is placed on another, and no retry is spent', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const first = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(client, held)
  await lab.agent('box-2')
  first.process.kill('SIGKILL')
  await first.exited
  await killRanks(first.state)
  await until(client, run, ({ jobs }) => jobs[0]?.attempts === 2 && jobs[0].state === 'running')
  await letGo('train')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 2 }] })
  const { attemptList } = await client.job('train', run)
  expect(attemptList.map(({ host, outcome }) => [host, outcome])).toEqual([
    ['box-1', 'nodeLost'],
    ['box-2', 'done'],
  ])
  await expectInvariants(lab.daemon)
})

test('an agent that is killed and started again takes up what runs, and nothing that it said is lost', async () => {
  const lab = await makeLab({ silence: '60s' })
  const { client } = lab.daemon
  const first = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(client, held)
  first.process.kill('SIGKILL')
  await first.exited
  const [rank] = await attemptsOf(first)
  const second = await lab.agent('box-1', { state: first.state })
  expect(await attemptsOf(second)).toContain(rank)
  await letGo('train')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
  const [attempt] = (await client.job('train', run)).attemptList
  expect(attempt).toMatchObject({ host: 'box-1', outcome: 'done' })
  await expectInvariants(lab.daemon)
})

test('a host that comes back after it was given up finds itself fenced, ends what it runs, and joins anew', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const first = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(client, held)
  await lab.agent('box-2')
  first.process.kill('SIGSTOP') // its ranks go on
  await until(client, run, ({ jobs }) => jobs[0]?.attempts === 2 && jobs[0].state === 'running')
  expect(await attemptsOf(first)).not.toEqual([])
  first.process.kill('SIGCONT')
  await vi.waitFor(async () => expect(await attemptsOf(first)).toEqual([]), deadline)
  await vi.waitFor(async () => expect(await readdir(join(first.state, 'attempts'))).toEqual([]), deadline)
  await letGo('train')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 2 }] })

  const again = await submitHeld(
    client,
    '  one: { entry: count, with: { steps: 100001 }, pool: lab, resources: { cores: 2 } }\n  two: { entry: count, with: { steps: 100002 }, pool: lab, resources: { cores: 2 } }',
  )
  const hosts = await Promise.all(
    ['one', 'two'].map(async (stage) => (await client.job(stage, again.run)).attemptList.at(-1)?.host),
  )
  expect(hosts.sort()).toEqual(['box-1', 'box-2'])
  await again.letGo('one', 'two')
  expect((await until(client, again.run, ended)).state).toBe('succeeded')
  await expectInvariants(lab.daemon)
})

test('an agent that drains takes nothing new, finishes what runs, and goes', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const first = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(client, held)
  first.process.kill('SIGTERM')
  await first.says('draining')
  await vi.waitFor(async () => expect((await client.run(run)).pools[0]?.room[0]?.all).toBe(0), deadline)
  const second = await lab.agent('box-2')
  const other = await submitHeld(client, held.replace('100000', '100001'))
  expect((await client.job('train', other.run)).attemptList).toMatchObject([{ host: second.host }])
  await letGo('train')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
  await first.exited
  expect(first.process.exitCode).toBe(0)
  expect(first.said.at(-1)).toBe('drained')
  expect(await readdir(join(first.state, 'attempts'))).toEqual([])
  await other.letGo('train')
  expect((await until(client, other.run, ended)).state).toBe('succeeded')
})

test('asked twice, an agent that drains has what runs save and end, to go on elsewhere', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const first = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(client, held)
  await lab.agent('box-2')
  first.process.kill('SIGTERM')
  await first.says('draining')
  first.process.kill('SIGTERM')
  await first.exited
  expect(first.process.exitCode).toBe(0)
  // Before the control plane knows that it drains, it may be asked once more, and refuses.
  await until(client, run, ({ jobs }) => (jobs[0]?.attempts ?? 0) >= 2 && jobs[0]?.state === 'running')
  await letGo('train')
  expect((await until(client, run, ended)).state).toBe('succeeded')
  const ends = (await client.job('train', run)).attemptList.map(({ host, outcome }) => [host, outcome])
  expect(ends[0]).toEqual(['box-1', 'preempted'])
  expect(ends.at(-1)).toEqual(['box-2', 'done'])
})
