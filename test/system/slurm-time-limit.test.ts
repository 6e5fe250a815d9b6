import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ended, endState, until } from '../support/daemon.ts'
import { submitFile, writeSavingPipeline } from '../support/pipelines.ts'
import { slurmTests, startSlurm } from '../support/slurm.ts'
import { spawnDaemon } from '../support/spawn-daemon.ts'

const { skip, title } = slurmTests('time limits of a cluster')

// Slurm counts in minutes, and takes up to half of one to notice.
describe.skipIf(skip)(title, () => {
  test('a training goes on over them from the checkpoint that it was told to make, and spends no retry', async () => {
    const slurm = await startSlurm({ nodes: 1 })
    const folder = await mkdtemp(join(tmpdir(), 'orc-slurm-'))
    const pools = join(folder, 'pools.yaml')
    const pool = `{ engine: slurm, directory: ${folder}/shared, conf: ${slurm.conf}, poll: 1s, time: 1m, warn: 30s }`
    await writeFile(pools, `pools: { short: ${pool} }\n`)
    const daemon = await spawnDaemon(join(folder, 'state'), { ORCHESTRATE_POOLS: pools })
    try {
      const { client } = daemon
      const train =
        '  train: { entry: train, pool: short, with: { steps: 110, delay_ms: 1000 }, retry: { crashes: 1 } }'
      const { run } = await submitFile(client, await writeSavingPipeline(train))
      expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
      const { attemptList } = await client.job('train', run)
      expect(attemptList.length).toBeGreaterThan(1)
      expect(attemptList.map(({ outcome }) => outcome)).toEqual([
        ...attemptList.slice(1).map(() => 'preempted'),
        'done',
      ])
    } finally {
      await daemon.stop()
      await slurm.stop()
      await endState(join(folder, 'state'))
      await rm(folder, { recursive: true, force: true, maxRetries: 20 })
    }
  })
})
