import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { agentsChecks, hostsCheck } from '../../../orchestrator/cli/doctor/pools/agents-checks.ts'
import { poolChecks } from '../../../orchestrator/cli/doctor/pools/pool-checks.ts'
import { AgentHosts } from '../../../orchestrator/ledger/agents/agent-hosts.ts'
import { namespaceOf } from '../../../orchestrator/server/open-redis.ts'
import { readSettings } from '../../../orchestrator/server/settings.ts'
import { identityOf } from '../../../orchestrator/store/identity.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { type Slurm, slurmTests, startSlurm } from '../../support/slurm.ts'
import { testRedis } from '../ledger/redis.ts'

/** What doctor says of the pools in a file, by name. */
async function check(pools: string | null) {
  const state = mkdtempSync(join(tmpdir(), 'pool-checks-'))
  onTestFinished(() => rmSync(state, { recursive: true }))
  if (pools !== null) writeFileSync(join(state, 'pools.yaml'), pools)
  const checks = await poolChecks(readSettings(process.env, { state }))
  return Object.fromEntries(checks.map(({ name, ...rest }) => [name, rest]))
}

test('without a pools.yaml each engine is named, and none is a reason to fail', async () => {
  const said = await check(null)
  expect(Object.keys(said)).toEqual(['pool local', 'containers', 'Slurm', 'agents'])
  expect(said['pool local']).toMatchObject({ state: 'ok', found: expect.stringMatching(/^\d+ cores/) })
  for (const name of ['containers', 'Slurm', 'agents']) expect(['ok', 'absent']).toContain(said[name]?.state)
})

test('a pools.yaml with a mistake is shown with its place, and what may stand there', async () => {
  const { 'pools.yaml': said } = await check('pools:\n  boxes: { engine: agenst }\n')
  expect(said).toMatchObject({ state: 'missing', found: expect.stringContaining('pools.yaml:2:20') })
  expect(said?.fix).toContain('orchestrate schema --pools')
})

test('on a machine without any program for containers and Slurm, the lines to type are told', async () => {
  const path = process.env.PATH
  process.env.PATH = '/nowhere'
  onTestFinished(() => {
    process.env.PATH = path
  })
  const pools = `pools:
  boxed: { engine: container, image: 'worker@sha256:${'0'.repeat(64)}' }
  cluster: { engine: slurm, directory: /tmp }
`
  const said = await check(pools)
  expect(said['pool local']).toMatchObject({
    state: 'missing',
    fix: expect.stringMatching(/apt-get install -y util-linux$/),
  })
  expect(said['pool boxed']).toMatchObject({
    state: 'missing',
    found: 'no container engine works here: podman: not installed; docker: not installed',
    fix: expect.stringMatching(/apt-get install -y podman/),
  })
  expect(said['pool cluster']).toMatchObject({
    state: 'missing',
    found: 'not installed: sbatch, squeue, scancel, scontrol',
    fix: expect.stringMatching(/apt-get install -y slurm-client$/),
  })
})

test('agents need a Redis that other hosts reach', async () => {
  for (const [url, found] of [
    ['', 'REDIS_URL is not set'],
    ['redis://localhost:6379', 'REDIS_URL names localhost'],
    ['redis://127.0.0.1:6379', 'REDIS_URL names 127.0.0.1'],
  ] as const) {
    const settings = readSettings({ ...process.env, REDIS_URL: url }, { state: tmpdir() })
    const [said] = await agentsChecks([{ name: 'boxes', engine: 'agents' }], settings)
    expect(said).toMatchObject({ state: 'missing', found: expect.stringContaining(found) })
    expect(said?.fix).toContain('export REDIS_URL=')
  }
})

test('hosts that have joined are named, and where none has, the line that joins one', async () => {
  const state = mkdtempSync(join(tmpdir(), 'pool-checks-'))
  const redis = await testRedis()
  onTestFinished(async () => {
    await redis.end()
    rmSync(state, { recursive: true })
  })
  const settings = { ...readSettings(process.env, { state }), redisUrl: `unix://${redis.socket}` }
  const said = async () => await hostsCheck('boxes', settings.redisUrl, settings)
  expect(await said()).toMatchObject({ state: 'absent', found: 'no host has joined yet' })
  const link = await redis.link(namespaceOf(settings, await identityOf(await openStore(settings.store))))
  const facts = { capacity: { cores: 8, gpus: ['GPU-1'] }, publicKey: '', version: '0', startedAt: 0 }
  await new AgentHosts(link, 'boxes').join('box-1', 'i-1', facts)
  expect(await said()).toMatchObject({ state: 'ok', found: 'box-1 is live (8 cores, 1 GPU)' })
})

const slurm = slurmTests('doctor and a cluster')
describe.skipIf(slurm.skip)(slurm.title, () => {
  let cluster: Slurm
  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 1 })
  })
  afterAll(() => cluster.stop())

  test('a pool that would work is told to, and one that would not is told why, with nothing submitted', async () => {
    const said = await check(`pools:
  good: { engine: slurm, directory: ${cluster.folder}/shared, conf: ${cluster.conf} }
  bad: { engine: slurm, directory: /proc/nothing, conf: ${cluster.conf}, partition: nope }
`)
    expect(said['pool good']).toMatchObject({ state: 'ok', found: expect.stringMatching(/^slurm-wlm .* answers$/) })
    expect(said['pool good, directory']).toMatchObject({ state: 'ok', found: expect.stringContaining('writable') })
    expect(said['pool good, jobs']).toMatchObject({ state: 'ok', found: 'a job would be taken' })
    expect(said['pool good, records']?.found).toMatch(/^accounting is off; ended jobs are forgotten after \d+ sec/)
    expect(said['pool bad, directory']).toMatchObject({ state: 'missing', fix: expect.stringContaining('install -d') })
    expect(said['pool bad, jobs']).toMatchObject({ state: 'missing', fix: expect.stringContaining('--partition=nope') })
    expect(await cluster.run('squeue', '--noheader')).toBe('')
  })

  test('a controller that is down is told, with the line that asks it', async () => {
    await cluster.run('scontrol', 'shutdown', 'slurmctld')
    const said = await check(`pools:\n  good: { engine: slurm, directory: ${cluster.folder}, conf: ${cluster.conf} }\n`)
    expect(said['pool good']).toMatchObject({
      state: 'missing',
      found: expect.stringContaining('no controller answers'),
    })
    expect(said['pool good']?.fix).toContain(`SLURM_CONF=${cluster.conf} scontrol ping`)
  })
})
