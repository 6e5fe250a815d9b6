import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { diskChecks } from '../../../orchestrator/cli/doctor/disk-checks.ts'
import { readSettings } from '../../../orchestrator/server/settings.ts'
import { cacheEntries } from '../../../orchestrator/store/cache-entries.ts'
import { type Daemon, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'

const env = { ORCHESTRATE_CACHE: '1KiB', ORCHESTRATE_CORES: '4' }
const stages = `
  first: { entry: count, with: { steps: 300 } }
  second: { entry: join, inputs: { numbers: first.numbers } }`

test('staged inputs are bounded; what an attempt reads stays, also over a crash, and goes when it is over and room is needed', async () => {
  const folder = await makeState()
  const state = join(folder, 'state')
  const go = join(folder, 'go')
  await mkdir(join(folder, 'p'))
  const waiting = `def join() -> list[int]:\n    while not os.path.exists("${go}") and os.path.exists("${folder}"):\n        time.sleep(0.02)\n`
  const edit = (source: string) => source.replace('def join() -> list[int]:\n', waiting)
  const file = await writeWorker(join(folder, 'p'), edit, stages)
  const submit = async ({ client }: Daemon, steps: number) =>
    (await submitFile(client, file, { set: [`first.with.steps=${steps}`] })).run
  const untilReads = ({ client }: Daemon, run: string) =>
    until(client, run, ({ jobs }) => jobs.some(({ stage, state }) => stage === 'second' && state === 'running'))

  const before = await startDaemon(state, env)
  const one = await submit(before, 300)
  await untilReads(before, one)
  await before.kill()

  const after = await startDaemon(state, env)
  const two = await submit(after, 302)
  await untilReads(after, two)
  const cache = join(state, 'cache')
  const [first, second] = await cacheEntries(cache)
  expect([first?.bytes, second?.bytes]).toEqual([1090, 1098])
  expect(await readFile(join(state, 'logs/daemon.log'), 'utf8')).toMatch(/larger than it may be: all is in use/)
  await writeFile(go, '')
  for (const [run, n] of [
    [one, 300],
    [two, 302],
  ] as const)
    expect((await until(after.client, run, ended)).cells[0]?.metrics.even).toEqual({ k: n / 2, n })

  const three = await submit(after, 200)
  expect((await until(after.client, three, ended)).state).toBe('succeeded')
  expect((await cacheEntries(cache)).map(({ bytes }) => bytes)).toEqual([690])
  const checks = await diskChecks(readSettings({ ...env, ORCHESTRATE_STATE: state }))
  expect(checks.at(-1)).toMatchObject({ name: 'cache', state: 'ok', found: '1 staged input, 690 B of 1.0 KiB' })
})
