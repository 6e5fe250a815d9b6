import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { bare, ended, root, until } from '../../support/daemon.ts'
import { submitHeld } from '../../support/held.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitStages } from '../../support/pipelines.ts'
import { makeLab } from './lab.ts'

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'orc-t-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

test('a Redis that has lost everything is told again: hosts join, what runs goes on, and its end is heard', async () => {
  const lab = await makeLab({ silence: '60s' })
  const { client } = lab.daemon
  await lab.agent('box-1')
  const { run, letGo } = await submitHeld(
    client,
    '  first: { entry: count, with: { steps: 100000, delay_ms: 20 }, pool: lab }\n  second: { entry: join, inputs: { numbers: first.numbers }, pool: lab }',
  )
  await lab.redis.forget()
  await letGo('first')
  const view = await until(client, run, ended)
  expect(view.jobs.map(({ state, attempts }) => [state, attempts])).toEqual([
    ['succeeded', 1],
    ['succeeded', 1],
  ])
  await expectInvariants(lab.daemon)
})

test('an agent that could reach nothing useful says what it lacks', async () => {
  const lab = await makeLab()
  const state = await folder()
  const agent = (env: Record<string, string>) =>
    execa(join(root, 'orchestrator/cli/orchestrate'), ['agent', '--pool', 'lab', '--state', state], {
      env: { ...bare(), ...env },
      extendEnv: false,
      reject: false,
    })
  const { REDIS_URL = '', ORCHESTRATE_STORE = '', ...rest } = lab.env
  const cases = [
    [{ ...rest, ORCHESTRATE_STORE }, 'REDIS_URL is not set'],
    [{ ...rest, REDIS_URL }, 'ORCHESTRATE_STORE is not set'],
    [{ ...rest, REDIS_URL, ORCHESTRATE_STORE: `file://${await folder()}` }, 'no store that a control plane has used'],
    [{ REDIS_URL, ORCHESTRATE_STORE }, 'ORCHESTRATE_REDIS_CA'],
  ] as const
  for (const [env, message] of cases) {
    const { exitCode, stderr } = await agent(env)
    expect([2, 4]).toContain(exitCode)
    expect(stderr).toContain(message)
  }
})

test('GPUs are assigned by their UUIDs, and a rank sees no other', async () => {
  const lab = await makeLab()
  const tools = await folder()
  const uuids = ['a', 'b', 'c'].map((end) => `GPU-test-${process.pid}-${end}`)
  onTestFinished(() => Promise.all(uuids.map((gpu) => rm(`/tmp/orchestrate-gpu-${gpu}.lock`, { force: true }))).then())
  const listing = uuids.map((uuid, i) => `echo 'GPU ${i}: NVIDIA H200 (UUID: ${uuid})'`)
  await writeFile(join(tools, 'nvidia-smi'), `#!/bin/sh\n${listing.join('\n')}\n`)
  await chmod(join(tools, 'nvidia-smi'), 0o755)
  await lab.agent('box-1', { cores: 4, env: { PATH: `${tools}${delimiter}${process.env.PATH}` } })
  const { client } = lab.daemon
  await expect.poll(async () => (await client.hosts())[0]?.gpus, { timeout: 300_000 }).toEqual({ all: 3, free: 3 })
  const held = await submitHeld(
    client,
    '  one: { entry: count, with: { steps: 100000 }, pool: lab, resources: { gpus: 2 } }',
  )
  const other = await submitStages(
    client,
    '  two: { entry: count, with: { steps: 5 }, pool: lab, resources: { gpus: 1 } }',
  )
  expect((await until(client, other.run, ended)).state).toBe('succeeded')
  const seen = async (stage: string, run: string) => {
    const [attempt] = (await client.job(stage, run)).attemptList
    return JSON.parse(await readFile(join(attempt?.directory ?? '', 'job.json'), 'utf8')).gpus as string[]
  }
  expect([...(await seen('one', held.run)), ...(await seen('two', other.run))].sort()).toEqual(uuids)
  await held.letGo('one')
  expect((await until(client, held.run, ended)).state).toBe('succeeded')
})
