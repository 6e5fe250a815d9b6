import { expect, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writePipeline } from '../../support/pipelines.ts'
import { describeCeph } from '../store/each-store.ts'

describeCeph('a control plane on S3', (ceph) => {
  const settings = (prefix: string): Record<string, string> => ({
    ORCHESTRATE_STORE: `s3://${ceph().bucket}/${prefix}`,
    ORCHESTRATE_S3_ENDPOINT: ceph().endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'testtest',
  })

  test('a pipeline runs on a real S3 server, and another state directory finds what it made', async () => {
    const stages =
      '  first: { entry: count, with: { steps: 6 }, shards: 2 }\n  second: { entry: join, inputs: { numbers: first.numbers } }'
    const file = await writePipeline(stages)
    const one = await startDaemon(await makeState(), settings('a'))
    const view = await until(one.client, (await submitFile(one.client, file)).run, ended)
    expect(view).toMatchObject({ state: 'succeeded', cells: [{ metrics: { even: { k: 3, n: 6 } } }] })
    await one.stop()
    const two = await startDaemon(await makeState(), settings('a'))
    const again = await until(two.client, (await submitFile(two.client, file)).run, ended)
    expect(again.jobs.map((job) => [job.cached, job.attempts])).toEqual([
      [true, 0],
      [true, 0],
    ])
  })

  test('one store prefix has one control plane, and who is refused is told whose it is', async () => {
    const state = await makeState()
    await startDaemon(state, settings('b'))
    await expect(startDaemon(await makeState(), settings('b'))).rejects.toMatchObject({
      code: 'STORE_OWNED',
      message: expect.stringContaining(state),
    })
  })

  test('wrong credentials are said in one error', async () => {
    await expect(
      startDaemon(await makeState(), { ...settings('c'), AWS_SECRET_ACCESS_KEY: 'wrong' }),
    ).rejects.toMatchObject({ code: 'STORE_DENIED', exit: 4 })
  })
})
