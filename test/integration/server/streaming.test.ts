import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { s3Store } from '../../../orchestrator/store/s3.ts'
import { ended, makeState, root, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'
import { describeCeph } from '../store/each-store.ts'

const joinFromStore = `def join() -> list[int]:
    given = job["inputs"]["numbers"]
    root, artifact = given["store"]["url"].removeprefix("file://"), given["artifact"]
    files = json.load(open(f"{root}/{artifact['key']}"))["outputs"][artifact["output"]]["files"]
    return sorted(int(line) for file in files for line in open(f"{root}/{file['key']}"))
`

test('a job is told where in the store its streamed input is, of all shards, and nothing is copied to the host', async () => {
  const state = await makeState()
  const edit = (source: string) => source.replace(/def join\(\)[\s\S]*?\n\n/, `${joinFromStore}\n`)
  const stages = (stream: string) =>
    `  first: { entry: count, with: { steps: 6 }, shards: 2 }\n  second: { entry: join, inputs: { numbers: first.numbers }${stream} }`
  const file = await writeWorker(state, edit, stages(', stream: [numbers]'))
  const description = join(state, 'worker/worker.json')
  const worker = JSON.parse(await readFile(description, 'utf8'))
  const { client } = await startDaemon(join(state, 'state'), { ORCHESTRATE_STREAM_CACHE: '7MiB' })
  await expect(submitFile(client, file)).rejects.toMatchObject({
    problems: [{ line: 6, message: expect.stringContaining("'numbers' can't be streamed") }],
  })

  worker.entries.join.inputs.numbers.streams = true
  await writeFile(description, JSON.stringify(worker))
  const view = await until(client, (await submitFile(client, file)).run, ended)
  expect(view).toMatchObject({ state: 'succeeded', cells: [{ metrics: { even: { k: 3, n: 6 } } }] })
  const second = view.jobs.find((job) => job.stage === 'second')
  const attempt = `a-${second?.key.slice(0, 10)}-1`
  const told = JSON.parse(await readFile(join(state, 'state/attempts', attempt, 'job.json'), 'utf8'))
  expect(told.inputs.numbers).not.toHaveProperty('path')
  expect(await readdir(join(state, 'state/cache'))).toEqual([])
  expect(told.cache).toEqual({ path: join(state, 'state/streams'), bytes: 7 * 2 ** 20 })

  await writeFile(file, (await readFile(file, 'utf8')).replace(', stream: [numbers]', ''))
  const staged = await until(client, (await submitFile(client, file)).run, ended)
  expect(staged.jobs.map((job) => [job.key, job.cached])).toEqual(view.jobs.map((job) => [job.key, true]))
})

describeCeph('data at s3://', (ceph) => {
  test('is read in place, and is the same data as a copy of it in a folder', async () => {
    const state = await makeState()
    const demos = join(state, 'demos')
    await execa(join(root, '.venv/bin/python'), ['-c', writeDemos, demos], {
      env: { PYTHONPATH: join(root, 'worker-images') },
    })
    const address = { url: `s3://${ceph().bucket}/datasets/demos`, endpoint: ceph().endpoint, region: 'us-east-1' }
    const store = s3Store(address)
    const { stdout } = await execa('find', ['.', '-type', 'f'], { cwd: demos })
    for (const path of stdout.split('\n')) await store.put(path.slice(2), await readFile(join(demos, path)))

    const file = join(state, 'pipeline.yaml')
    const pipeline = (path: string) =>
      `name: test\nworker: ${join(root, 'worker-images/depthvla')}\ndata:\n  demos: { path: "${path}" }\nstages:\n  statistics: { entry: compute_statistics, inputs: { demos: data.demos } }\n`
    const { client } = await startDaemon(join(state, 'state'), {
      ORCHESTRATE_S3_ENDPOINT: ceph().endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'testtest',
    })
    await writeFile(file, pipeline(`${address.url}/nothing`))
    await expect(submitFile(client, file)).rejects.toMatchObject({
      problems: [{ line: 4, message: expect.stringContaining('data.demos: nothing is there') }],
    })
    await writeFile(file, pipeline(address.url))
    const streamed = await until(client, (await submitFile(client, file)).run, ended)
    expect(streamed).toMatchObject({ state: 'succeeded', jobs: [{ cached: false }] })
    await writeFile(file, pipeline('demos'))
    const copied = await until(client, (await submitFile(client, file)).run, ended)
    expect(copied.jobs).toMatchObject([{ key: streamed.jobs[0]?.key, cached: true }])
    await rm(demos, { recursive: true })
  })
})

const writeDemos = `
import sys
from pathlib import Path
import numpy as np
from depthvla.data.lerobot_writer import LeRobotWriter
from depthvla.data.recording import Recording
rng = np.random.default_rng(0)
writer = LeRobotWriter(Path(sys.argv[1]), 10, ["front"], "arm", ["x"], ["x"])
for _ in range(3):
    values = rng.normal(size=(5, 1)).astype(np.float32)
    writer.add(Recording("open it", {"front": rng.integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)}, values, values))
writer.close()
`
