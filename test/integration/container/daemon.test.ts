import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { containersOf, missing, podmanOptions, podmanRun, testBase } from '../../support/container.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { leftOut } from '../../support/left-out.ts'
import { submitFile, writePipeline, writeSavingPipeline } from '../../support/pipelines.ts'

const { skip, title } = leftOut('a pool of containers', missing())

const poolsFile = (image: string): string =>
  JSON.stringify({
    pools: { boxes: { engine: 'container', image, options: podmanOptions, run: podmanRun, shm: '64MiB' } },
  })

describe(title, { skip }, () => {
  test('a pipeline runs in containers, passes its outputs on, and comes back from its checkpoint', async () => {
    const state = await makeState()
    await writeFile(join(state, 'pools.yaml'), poolsFile(testBase().digest))
    const daemon = await startDaemon(state)
    const count = '  first: { entry: count, pool: boxes, shards: 2, with: { steps: 5 } }'
    const both = `${count}\n  second: { entry: join, pool: boxes, inputs: { numbers: first.numbers } }`
    const counted = await submitFile(daemon.client, await writePipeline(both))
    const train =
      'train: { entry: train, pool: boxes, with: { steps: 80, delay_ms: 100 }, checkpoint: { every: 1 step },'
    const saving = await submitFile(daemon.client, await writeSavingPipeline(`  ${train} resources: { time: 6s } }`))

    const done = await until(daemon.client, counted.run, ended)
    expect(done).toMatchObject({ state: 'succeeded' })
    const { metrics } = await daemon.client.job('second', counted.run)
    expect(metrics).toMatchObject({ even: { k: 3, n: 5 } })

    expect(await until(daemon.client, saving.run, ended)).toMatchObject({ state: 'succeeded' })
    const { attemptList } = await daemon.client.job('train', saving.run)
    expect(attemptList.length).toBeGreaterThan(1)
    expect(attemptList.map(({ outcome }) => outcome)).toEqual([...attemptList.slice(1).map(() => 'preempted'), 'done'])
    for (const { attempt } of attemptList) expect(containersOf(attempt)).toEqual([])
  })

  test('an image that is nowhere fails the job at once, with what to do', async () => {
    const state = await makeState()
    await writeFile(join(state, 'pools.yaml'), poolsFile(`sha256:${'0'.repeat(64)}`))
    const { client } = await startDaemon(state)
    const { run } = await submitFile(client, await writePipeline('  first: { entry: count, pool: boxes }'))
    const view = await until(client, run, ended)
    expect(view.jobs).toMatchObject([{ state: 'failed', attempts: 1, error: { code: 'IMAGE_MISSING' } }])
  })
})
