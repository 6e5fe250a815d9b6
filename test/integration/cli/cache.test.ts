import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CachedView } from '../../../orchestrator/server/api.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

const stages =
  '  numbers: { entry: count, with: { steps: 4 } }\n  joined: { entry: join, inputs: { numbers: numbers.numbers } }'

test('cache lists what there is, why says what differs, rm deletes; what is gone or not whole is made again', async () => {
  const { state, orchestrate } = await freshOrchestrate()
  const file = await writePipeline(stages)
  const run = async (...args: string[]) => {
    const { stdout } = await orchestrate('run', file, '--json', ...args)
    const jobs: { key: string; stage: string; cached: boolean }[] = JSON.parse(stdout).jobs
    return Object.fromEntries(jobs.map(({ stage, key, cached }) => [stage, { key, cached }]))
  }
  const list = async () =>
    CachedView.array().parse(JSON.parse((await orchestrate('cache', 'ls', '--json')).stdout).cached)

  const first = await run()
  const key = first.numbers?.key ?? expect.fail()
  expect((await list()).map(({ stage }) => stage).toSorted()).toEqual(['joined', 'numbers'])
  expect((await orchestrate('cache', 'ls')).stdout).toMatch(new RegExp(`^${key.slice(0, 7)} +numbers +just now`, 'm'))

  await rm(join(state, 'store', layout.attempt(key, 0, 1), 'outputs/numbers'), { recursive: true })
  expect((await orchestrate('plan', file)).stdout).toMatch(/: 1 cached, 1 to run$/m)
  expect(await run()).toMatchObject({ numbers: { key, cached: false }, joined: { cached: true } })

  await run('--set', 'numbers.with.steps=5')
  const why = await orchestrate('cache', 'why', 'numbers')
  expect(why.stdout).toMatch(/^numbers \w{7} is cached\. The nearest job that is cached is numbers \w{7}; 1 part/)
  expect(why.stdout).toMatch(/^ +config +steps +5 +4$/m)
  expect((await orchestrate('cache', 'why', 'joined')).stdout).toMatch(
    /^ +input +numbers .*\n +next +orchestrate cache/m,
  )

  expect((await orchestrate('cache', 'rm', key)).stdout).toMatch(/^deleted /)
  expect((await orchestrate('cache', 'rm', key)).stderr).toMatch(/\(CACHE_ABSENT\)/)
  expect((await list()).map((one) => one.key)).not.toContain(key)
  expect(await run()).toMatchObject({ numbers: { key, cached: false }, joined: { cached: true } })

  const beside = await run('--no-cache')
  expect(beside.numbers).toMatchObject({ cached: false, key: expect.not.stringContaining(key) })
  expect((await list()).map((one) => one.key)).toEqual(expect.arrayContaining([key, beside.numbers?.key]))
})
