import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, submitStages, writeSavingPipeline } from '../../support/pipelines.ts'

test('the daemon collects by itself beside a training, whose worker is killed and resumes from what stays', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_GC_EVERY: '50ms', ORCHESTRATE_GC_GRACE: '0s' })
  const training = '{ steps: 400, delay_ms: 10 }'
  const stages = `  train: { entry: train, with: ${training}, checkpoint: { every: 5 steps }, retry: { backoff: 100ms } }`
  const { run } = await submitFile(client, await writeSavingPipeline(stages))
  await until(client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 20)
  const key = (await client.run(run)).jobs[0]?.key ?? expect.fail()
  const directory = (await client.job(key)).attemptList[0]?.directory ?? ''
  const [hello = ''] = (await readFile(join(directory, 'events.0.jsonl'), 'utf8')).split('\n')
  process.kill((JSON.parse(hello) as { pid: number }).pid, 'SIGKILL')
  const view = await until(client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 2 }] })
  const [, second] = (await client.job(key)).attemptList
  expect(second?.resumed).toMatch(/\/s0\/1\/checkpoints\/\d+\/manifest\.json$/)
  for (;;) {
    const left = await client.checkpoints(run)
    expect(left.at(-1)?.step).toBe(395)
    if (left.length === 2) break
    await pause(50) // for the daemon's own next pass: nobody is told of one
  }
})

test('a run that is resumed makes again what was collected since', async () => {
  const { client } = await startDaemon(await makeState())
  const stages = `
  first: { entry: count }
  second: { entry: count, with: { fail_at: 1, exit: 65 } }`
  const { run } = await submitStages(client, stages)
  // To the end of its report, until which it leans on what it has made.
  const views = await Array.fromAsync(client.updates(run))
  expect(views.at(-1)?.state).toBe('failed')
  const everything = { action: 'collect', olderThanMs: 0, graceMs: 0 } as const
  await client.collect(everything)
  const { items } = await client.collect(everything)
  expect(items).toMatchObject([{ action: 'delete', kind: 'artifact', stage: 'first' }])
  await client.resume(run)
  const again = await until(client, run, ended)
  expect(again.jobs).toMatchObject([
    { stage: 'first', state: 'succeeded', attempts: 2 },
    { stage: 'second', state: 'failed', attempts: 2 },
  ])
})
