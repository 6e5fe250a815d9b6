import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { writeHeld } from '../../support/held.ts'
import { submitFile, submitStages, writePipeline, writeWorker } from '../../support/pipelines.ts'

const states = (view: RunView) =>
  Object.fromEntries(
    view.jobs.map((job) => [`${job.stage}${job.cells.length === 1 ? `[${job.cells[0]}]` : ''}`, job.state]),
  )

const twoStages = `
  first: { entry: count, with: { steps: 6 }, shards: 2 }
  second: { entry: join, inputs: { numbers: first.numbers } }`

test('a pipeline of a foreign worker runs to its report, shards merged', async () => {
  const { client } = await startDaemon(await makeState())
  const { run } = await submitStages(client, twoStages)
  const view = await until(client, run, (now) => ended(now) && now.report !== null)
  expect(view).toMatchObject({
    state: 'succeeded',
    cells: [{ cell: 'default', state: 'succeeded', metrics: { even: { k: 3, n: 6 } } }],
  })
  expect(view.jobs).toMatchObject([
    { stage: 'first', state: 'succeeded', cached: false, attempts: 2, metrics: { even: { k: 3, n: 6 } } },
    { stage: 'second', state: 'succeeded', cached: false, attempts: 1, summary: '6 numbers' },
  ])
  expect(view.report && (await readFile(view.report, 'utf8'))).toMatch(/^<!doctype html>/i)
})

test('what is done is not done again, and only what changed is', async () => {
  const { client } = await startDaemon(await makeState())
  const file = await writePipeline(twoStages)
  await until(client, (await submitFile(client, file)).run, ended)
  const again = await until(client, (await submitFile(client, file)).run, ended)
  expect(again.jobs.map((job) => job.cached)).toEqual([true, true])
  const changed = await until(client, (await submitFile(client, file, { set: ['first.with.steps=8'] })).run, ended)
  expect(changed.jobs.map((job) => job.cached)).toEqual([false, false])
  const without = await until(client, (await submitFile(client, file, { cache: false })).run, ended)
  expect(without.jobs.map((job) => job.cached)).toEqual([false, false])
})

test('a failed job fails its dependants with the reason, and other cells go on', async () => {
  const { client } = await startDaemon(await makeState())
  const matrix = 'matrix: { variant: { good: {}, bad: { first.with.fail_at: 1, first.with.exit: 65 } } }'
  const { run } = await submitStages(
    client,
    '  first: { entry: count }\n  second: { entry: join, inputs: { numbers: first.numbers } }',
    matrix,
  )
  const view = await until(client, run, ended)
  expect(view.state).toBe('failed')
  expect(states(view)).toEqual({
    'first[good]': 'succeeded',
    'second[good]': 'succeeded',
    'first[bad]': 'failed',
    'second[bad]': 'failed',
  })
  expect(view.cells.map((cell) => [cell.cell, cell.state])).toEqual([
    ['good', 'succeeded'],
    ['bad', 'failed'],
  ])
  expect(view.jobs.find((job) => job.stage === 'second' && job.state === 'failed')?.error).toMatchObject({
    code: 'INPUT_FAILED',
    message: 'first failed: fail_at is 1',
  })
  const why = await client.why('second[bad]', run)
  expect(why.sentence).toBe('second could not run: first failed after 1 attempt: fail_at is 1 (ASKED_TO)')
})

test('with on_failure: stop a failed job stops the rest of its run, but not what another run wants', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_CORES: '8' })
  const { file, letGo } = await writeHeld(`
  bad: { entry: count, with: { fail_at: 1, exit: 65 } }
  own: { entry: count, with: { steps: 900000 } }
  shared: { entry: count, with: { steps: 1000000 } }
  joined: { entry: join, inputs: { numbers: shared.numbers } }`)
  const other = await submitFile(client, file, { set: ['bad.with.fail_at=', 'own.with.steps=0'] })
  await until(client, other.run, ({ jobs }) =>
    jobs.some(({ stage, state }) => stage === 'shared' && state === 'running'),
  )
  const { run } = await submitFile(client, file, { set: ['on_failure=stop'] })
  const stopped = await until(client, run, ended)
  expect(stopped.state).toBe('failed')
  expect(states(stopped)).toMatchObject({
    'bad[default]': 'failed',
    'own[default]': 'cancelled',
    'shared[default]': 'running',
  })
  expect(stopped.stoppedBy).toBe(stopped.jobs.find(({ stage }) => stage === 'bad')?.key)
  await letGo('shared')
  const { state, jobs } = await until(client, other.run, ended)
  expect(state).toBe('succeeded')
  expect(jobs.find(({ stage }) => stage === 'shared')?.attempts).toBe(1)
})

test('a crash is tried again with back-off until no try is left, and a resume brings new tries', async () => {
  const { client } = await startDaemon(await makeState())
  const { run } = await submitStages(
    client,
    '  first: { entry: count, with: { fail_at: 2 }, retry: { crashes: 2, backoff: 1s } }',
  )
  const failed = await until(client, run, ended)
  expect(failed.jobs).toMatchObject([{ state: 'failed', attempts: 2, error: { code: 'ASKED_TO' } }])
  await client.resume(run)
  const again = await until(client, run, ended)
  expect(again.jobs).toMatchObject([{ state: 'failed', attempts: 4 }])
})

test('two runs at once share their jobs and never hold more than there is', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_CORES: '2' })
  const stages = `
  shared: { entry: count, with: { steps: 20, delay_ms: 20 } }
  own: { entry: join, inputs: { numbers: shared.numbers } }
  wide: { entry: count, with: { steps: 5, delay_ms: 20 }, resources: { cores: 2 } }`
  const file = await writePipeline(stages)
  const [one, two] = await Promise.all([
    submitFile(client, file),
    submitFile(client, file, { set: ['wide.with.steps=6'] }),
  ])
  const watch = (run: string) =>
    until(client, run, (view) => {
      const cores = view.jobs
        .filter((job) => job.state === 'running')
        .reduce((sum, job) => sum + (job.stage === 'wide' ? 2 : 1), 0)
      expect(cores).toBeLessThanOrEqual(2)
      expect(view.pools[0]?.room[0]?.free).toBeGreaterThanOrEqual(0)
      return ended(view)
    })
  const [first, second] = await Promise.all([watch(one.run), watch(two.run)])
  expect([first.state, second.state]).toEqual(['succeeded', 'succeeded'])
  const shared = await client.job('shared', one.run)
  expect(shared.attemptList).toHaveLength(1)
  expect(shared.runs.toSorted()).toEqual([one.run, two.run].toSorted())
})

test('a pending job says why it waits', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_CORES: '1' })
  const { run } = await submitStages(
    client,
    '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }\n  late: { entry: count, with: { steps: 4 } }',
  )
  const view = await until(client, run, (now) =>
    now.jobs.some((job) => job.state === 'ready' && /needs 1 core/.test(job.waits?.reason ?? '')),
  )
  const waiting = view.jobs.find((job) => job.state === 'ready')
  expect((await client.why(waiting?.stage ?? '', run)).sentence).toMatch(/needs 1 core, 0 free/)
  await client.cancel(run, 'now')
  expect((await until(client, run, ended)).state).toBe('cancelled')
})

test('cancelling saves and stops, leaves what another run wants, and a resume goes on', async () => {
  const { client } = await startDaemon(await makeState())
  const { file, letGo } = await writeHeld('  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }')
  const [one, two] = [await submitFile(client, file), await submitFile(client, file)]
  await until(client, one.run, (view) => view.jobs[0]?.state === 'running')
  await client.cancel(one.run, 'save')
  expect((await until(client, one.run, ended)).state).toBe('cancelled')
  expect((await client.run(two.run)).jobs[0]?.state).toBe('running')
  await client.cancel(two.run, 'save')
  const cancelled = await until(client, two.run, ended)
  expect(cancelled.jobs[0]?.state).toBe('cancelled')
  await client.resume(two.run)
  await letGo('slow')
  const resumed = await until(client, two.run, ended)
  expect(resumed).toMatchObject({ state: 'succeeded', jobs: [{ state: 'succeeded', attempts: 2 }] })
})

test('a worker that will not save is ended by asking again, now', async () => {
  const state = await makeState()
  const deaf = (source: string) => source.replace('lambda *_: sys.exit(75)', 'lambda *_: None')
  const file = await writeWorker(state, deaf, '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }')
  const { client } = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(client, file)
  await until(client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 1)
  await client.cancel(run, 'save')
  await until(client, run, (view) => view.jobs[0]?.state === 'running')
  const sentence = async () => (await client.why('slow', run)).sentence
  await expect.poll(sentence).toMatch(/^slow is running, at \d+ of 100000 steps; it was asked to save and stop\.$/)
  await client.cancel(run, 'now')
  expect((await until(client, run, ended)).state).toBe('cancelled')
})

test('two shards that write the same file fail the job, with the file named', async () => {
  const state = await makeState()
  const same = (source: string) => source.replace("{job['shard']}.txt", 'same.txt')
  const file = await writeWorker(state, same, '  first: { entry: count, shards: 2 }')
  const { client } = await startDaemon(join(state, 'state'))
  const view = await until(client, (await submitFile(client, file)).run, ended)
  expect(view.jobs[0]?.error).toMatchObject({ code: 'OUTPUT_CONFLICT', message: expect.stringContaining('same.txt') })
})

test('a resume brings the secrets that a run forgot at its end', async () => {
  const state = await makeState()
  const needs = 'import os\nif not os.path.exists(%s): sys.exit(65)\n'
  const flag = join(state, 'flag')
  const gated = (source: string) =>
    source.replace('signal.signal(', `${needs.replace('%s', JSON.stringify(flag))}signal.signal(`)
  const file = await writeWorker(state, gated, '  first: { entry: count }', 'secrets: [TOKEN]')
  const { client } = await startDaemon(join(state, 'state'))
  process.env.TOKEN = 'a value'
  onTestFinished(() => void delete process.env.TOKEN)
  const { run } = await submitFile(client, file)
  expect((await until(client, run, ended)).state).toBe('failed')
  await writeFile(flag, '')
  await client.resume(run)
  expect((await until(client, run, ended)).jobs[0]?.error).toMatchObject({ code: 'SECRET_MISSING' })
  await client.resume(run, { TOKEN: 'a value' })
  expect((await until(client, run, ended)).state).toBe('succeeded')
})

test('the last that a follower sees of a run has its report', async () => {
  const { client } = await startDaemon(await makeState())
  const { run } = await submitStages(client, '  first: { entry: count, with: { fail_at: 0, exit: 65 } }')
  for (const _ of [1, 2]) {
    let last: RunView | undefined
    for await (const view of client.updates(run)) last = view
    expect(last).toMatchObject({ state: 'failed', report: expect.stringMatching(/index\.html$/) })
    await client.resume(run)
  }
})
