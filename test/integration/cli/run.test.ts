import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PlanView } from '../../../orchestrator/server/api.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

const stages =
  '  numbers: { entry: count, with: { steps: 4 } }\n  joined: { entry: join, inputs: { numbers: numbers.numbers } }'
const matrix = 'matrix: { variant: { a: {}, b: { numbers.with.steps: 6 } } }'

test('run --json ends with one document that says how it went; the second time everything is cached', async () => {
  const { orchestrate } = await freshOrchestrate()
  const file = await writePipeline(stages, matrix)
  const first = await orchestrate('run', file, '--json', '--label', 'why=test')
  expect(first.exitCode).toBe(0)
  const result = JSON.parse(first.stdout)
  expect(result).toMatchObject({
    run: expect.stringMatching(/^r-[a-z2-9]{5}$/),
    state: 'succeeded',
    cells: [
      { cell: 'a', state: 'succeeded', metrics: { even: { k: 2, n: 4 } } },
      { cell: 'b', state: 'succeeded', metrics: { even: { k: 3, n: 6 } } },
    ],
    report: expect.stringMatching(/index\.html$/),
  })
  expect(result.jobs).toHaveLength(4)
  for (const job of result.jobs)
    expect(job).toMatchObject({
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      state: 'succeeded',
      cached: false,
      attempts: 1,
    })
  expect(await readFile(result.report, 'utf8')).toContain('<html')

  const again = JSON.parse((await orchestrate('run', file, '--json')).stdout)
  expect(again.jobs.map(({ cached, attempts }: { cached: boolean; attempts: number }) => [cached, attempts])).toEqual(
    Array(4).fill([true, 0]),
  )
})

test('in a pipe there is a line for each change, then how it went and what to type next', async () => {
  const { orchestrate } = await freshOrchestrate()
  const { stdout, exitCode } = await orchestrate('run', await writePipeline(stages))
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ numbers succeeded [\d.]+s even=2\/4$/m)
  expect(stdout).toMatch(/^\S+ joined succeeded [\d.]+s even=2\/4$/m)
  expect(stdout).toMatch(/^\S+ run r-\w{5} succeeded [\d.]+s$/m)
  expect(stdout).toMatch(/^✔ test · r-\w{5}/m)
  expect(stdout).toMatch(/^next +orchestrate run /m)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
  expect(stdout).not.toMatch(/\u001b/)
})

test('plan changes nothing, and knows what is cached', async () => {
  const { orchestrate } = await freshOrchestrate()
  const file = await writePipeline(stages, matrix)
  const cached = async () =>
    PlanView.parse(JSON.parse((await orchestrate('plan', file, '--json')).stdout)).jobs.map((job) => job.cached)
  expect(await cached()).toEqual([false, false, false, false])
  expect(JSON.parse((await orchestrate('status', '--json')).stdout)).toEqual({ runs: [], hosts: [], troubles: [] })
  await orchestrate('run', file, '--only', 'a')
  expect((await cached()).filter(Boolean)).toHaveLength(2)
  expect((await orchestrate('plan', file)).stdout).toMatch(/^2 cells ask for 4 jobs: 2 cached, 2 to run$/m)
})

test('a job that fails ends the run with 1, says why, and can be run again in front of one', async () => {
  const { state, orchestrate } = await freshOrchestrate()
  const failing =
    '  numbers: { entry: count, with: { steps: 4, fail_at: 2, exit: 65 } }\n  joined: { entry: join, inputs: { numbers: numbers.numbers } }'
  const { stdout, exitCode } = await orchestrate('run', await writePipeline(failing))
  expect(exitCode).toBe(1)
  expect(stdout).toContain('✘ numbers failed after 1 attempt')
  expect(stdout).toContain('⊘ not run, for want of an input: joined')
  const [, attempt = ''] = /orchestrate debug (a-\S+)/.exec(stdout) ?? []
  const before = await readFile(join(state, 'attempts', attempt, 'job.json'), 'utf8')

  const why = JSON.parse((await orchestrate('why', 'joined', '--json')).stdout)
  expect(why.sentence).toContain('numbers failed')

  const debug = await orchestrate('debug', attempt)
  expect(debug.exitCode).toBe(1)
  expect(debug.stderr).toContain('rank 0 ended with code 65')
  expect(debug.stderr).toContain('it says: fail_at is 2')
  expect(await readFile(join(state, 'attempts', attempt, 'job.json'), 'utf8')).toBe(before)
  const again = JSON.parse(await readFile(join(state, 'debug', `${attempt}-debug-1`, 'job.json'), 'utf8'))
  expect({ ...again, attempt, prefix: '' }).toEqual({ ...JSON.parse(before), prefix: '', time: null })
})
