import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'

const curves = (source: string): string =>
  source.replace(
    'numbers = ',
    'where = job.get("metrics")\nif where:\n    print(json.dumps(where), file=open(f"{where[\'folder\']}/curve.{job[\'fence\']}", "w"))\nnumbers = ',
  )
const stages =
  '  first: { entry: count, with: { steps: 2 } }\n  second: { entry: join, inputs: { numbers: first.numbers } }'
const matrix = 'matrix: { v: { a: {}, b: { first.with.steps: 4 } } }\n'

test('a run that asks for metrics has one folder of all its jobs, cached ones too, and the store has a copy', async () => {
  const state = await makeState()
  const { client } = await startDaemon(state)
  const file = await writeWorker(await makeState(), curves, stages, `${matrix}metrics: { tensorboard: true }`)
  const first = await until(client, (await submitFile(client, file)).run, ended)
  expect(first).toMatchObject({
    state: 'succeeded',
    metrics: { folder: join(state, 'metrics', first.run), tensorboard: true, wandb: null },
  })
  const names = ['first[a]', 'first[b]', 'second[a]', 'second[b]']
  const folder = first.metrics?.folder ?? expect.fail()
  expect((await readdir(folder)).sort()).toEqual(names)
  for (const name of names) {
    const text = await readFile(join(folder, name, 'curve.1'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ name, tensorboard: true, wandb: null })
    const key = first.jobs.find((job) => `${job.stage}[${job.cells[0]}]` === name)?.key
    const copy = join(state, `store/jobs/${key}/s0/1/logs/metrics/curve.1`)
    await expect.poll(() => readFile(copy, 'utf8').catch(() => null)).toBe(text)
  }

  // With another sink, it is still the same job.
  const again = await until(
    client,
    (await submitFile(client, file, { set: ['metrics.wandb.project=p', 'metrics.wandb.mode=offline'] })).run,
    ended,
  )
  expect(again.jobs.every((job) => job.cached)).toBe(true)
  expect((await readdir(again.metrics?.folder ?? '')).sort()).toEqual(names)
  expect(await readFile(join(again.metrics?.folder ?? '', 'first[a]', 'curve.1'), 'utf8')).toContain('first[a')
  const without = await until(client, (await submitFile(client, file, { set: ['metrics=null'] })).run, ended)
  expect(without.metrics).toBeNull()
})
