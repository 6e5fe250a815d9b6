import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitStages } from '../../support/pipelines.ts'
import { testRedis } from '../ledger/redis.ts'

test('two stores on one Redis see nothing of each other, and the control planes of one store share what it has there', async () => {
  const redis = await testRedis()
  onTestFinished(() => redis.end())
  const state = await makeState()
  const env = (store: string) => ({
    REDIS_URL: `unix://${redis.socket}`,
    ORCHESTRATE_STORE: `file://${join(state, store)}`,
    ORCHESTRATE_CORES: '2',
  })
  const [one, two] = await Promise.all([
    startDaemon(join(state, 'one'), env('store-1')),
    startDaemon(join(state, 'two'), env('store-2')),
  ])
  // The same work, so that every key but the namespace's is the same.
  const stages = '  wide: { entry: count, with: { steps: 30, delay_ms: 20 }, resources: { cores: 2 } }'
  const [first, second] = [await submitStages(one.client, stages), await submitStages(two.client, stages)]
  expect((await one.client.runs()).map(({ run }) => run)).toEqual([first.run])
  expect((await two.client.runs()).map(({ run }) => run)).toEqual([second.run])
  for (const [daemon, run] of [
    [one, first.run],
    [two, second.run],
  ] as const)
    expect(await until(daemon.client, run, ended)).toMatchObject({
      state: 'succeeded',
      jobs: [{ attempts: 1, cached: false }],
    })
  const link = await connectRedis(redis.socket, 'look')
  const corners = new Set((await link.redis.keys('orchestrate:*:log:*')).map((key) => /\{.*?\}/.exec(key)?.[0]))
  await link.close()
  expect(corners.size).toBe(2)

  await one.stop()
  const heir = await startDaemon(join(state, 'heir'), env('store-1'))
  expect((await heir.client.runs()).map(({ run, state }) => [run, state])).toEqual([[first.run, 'succeeded']])
})
