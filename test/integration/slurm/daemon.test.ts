import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Daemon, ended, endState, until } from '../../support/daemon.ts'
import { submitStages } from '../../support/pipelines.ts'
import { type Slurm, slurmTests, startSlurm } from '../../support/slurm.ts'
import { spawnDaemon } from '../../support/spawn-daemon.ts'

const { skip, title } = slurmTests('a pool on Slurm')

describe.skipIf(skip)(title, () => {
  let slurm: Slurm
  let folder: string
  let daemon: Daemon
  const start = () => spawnDaemon(join(folder, 'state'), { ORCHESTRATE_POOLS: join(folder, 'pools.yaml') })
  beforeAll(async () => {
    slurm = await startSlurm({ nodes: 3 })
    folder = await mkdtemp(join(tmpdir(), 'orc-slurm-'))
    const pool = (more: string) =>
      `{ engine: slurm, directory: ${folder}/shared, conf: ${slurm.conf}, poll: 500ms, preflight: off${more} }\n`
    await writeFile(
      join(folder, 'pools.yaml'),
      `pools:
  cluster: ${pool('')}  held: ${pool(', extra: [--hold]')}  wrong: ${pool(', partition: nope')}`,
    )
    daemon = await start()
  })
  afterAll(async () => {
    await daemon.stop()
    await slurm.stop()
    await endState(join(folder, 'state'))
    await rm(folder, { recursive: true, force: true, maxRetries: 20 })
  })

  const jobs = async (format: string) =>
    (await slurm.run('squeue', '--noheader', '--array', '--states=all', `--format=${format}`)).split('\n')
  const idOf = async (attempt = '') => (await jobs('%i|%j')).find((line) => line.endsWith(`|${attempt}`))?.split('|')[0]

  test('a pipeline runs on the nodes of a cluster by changing nothing but the pool', async () => {
    const { client } = daemon
    const stages = `  first: { entry: count, pool: cluster, with: { steps: 3 } }
  second: { entry: join, pool: cluster, inputs: { numbers: first.numbers } }`
    const { run } = await submitStages(client, stages)
    expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
    const { attemptList } = await client.job('first', run)
    expect(attemptList).toMatchObject([{ outcome: 'done' }])
    expect(await jobs('%j|%T')).toContain(`${attemptList[0]?.attempt}|COMPLETED`)
  })

  test('what waits in Slurm’s queue says why, outlives a daemon that is killed, and runs once it may', async () => {
    const { run } = await submitStages(daemon.client, '  first: { entry: count, pool: held, with: { steps: 6 } }')
    await until(daemon.client, run, (view) => /JobHeldUser/.test(view.jobs[0]?.waits?.reason ?? ''))
    const why = await daemon.client.why('first', run)
    expect(why.sentence).toMatch(
      /^first waits: Slurm: JobHeldUser: its user holds it; `scontrol release \d+` lets it go/,
    )
    const attempt = (await daemon.client.job('first', run)).attemptList[0]?.attempt
    await daemon.kill()
    daemon = await start()
    const { client } = daemon
    await until(client, run, (view) => /JobHeldUser/.test(view.jobs[0]?.waits?.reason ?? ''))
    expect((await jobs('%j')).filter((name) => name === attempt)).toHaveLength(1)
    await slurm.run('scontrol', 'release', (await idOf(attempt)) ?? '')
    expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
    expect((await client.job('first', run)).attemptList).toMatchObject([{ attempt, outcome: 'done' }])
  })

  test('what is cancelled while it waits in Slurm’s queue leaves it', async () => {
    const { client } = daemon
    const { run } = await submitStages(client, '  first: { entry: count, pool: held, with: { steps: 4 } }')
    await until(client, run, (view) => /JobHeldUser/.test(view.jobs[0]?.waits?.reason ?? ''))
    const attempt = (await client.job('first', run)).attemptList[0]?.attempt
    await client.cancel(run, 'save')
    expect(await until(client, run, ended)).toMatchObject({ state: 'cancelled' })
    await expect
      .poll(async () => (await jobs('%j|%T')).filter((line) => line.startsWith(`${attempt}|`)))
      .not.toContain(`${attempt}|PENDING`)
  })

  test('shards are submitted in arrays', async () => {
    const { client } = daemon
    const { run } = await submitStages(
      client,
      '  first: { entry: count, pool: cluster, shards: 24, with: { steps: 48 } }',
    )
    expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
    const submitted = new Set((await jobs('%F|%k|%j')).filter((line) => line.includes('|orchestrate-')))
    expect(submitted.size).toBeGreaterThan(0)
    expect(submitted.size).toBeLessThan(12)
  })

  test('what Slurm refuses fails at once, and says what to do', async () => {
    const { client } = daemon
    const { run } = await submitStages(client, '  first: { entry: count, pool: wrong, with: { steps: 5 } }')
    const view = await until(client, run, ended)
    expect(view.jobs).toMatchObject([{ state: 'failed', attempts: 1, error: { code: 'SLURM_REFUSED' } }])
    expect(view.jobs[0]?.error?.message).toContain('`sinfo -s` lists partitions')
  })
})
