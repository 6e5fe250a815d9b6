import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import type { Engine } from '../../../orchestrator/engines/engine.ts'
import { never, newAttempt, rankJob, untilWritten } from './contract/lab.ts'
import { localPlace, python } from './contract/local-place.ts'

const fieldOf = (pid: number, field: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[field])
}
const parentOf = (pid: number): number => fieldOf(pid, 1)

const launcherOf = (engine: Engine, attempt: string): number =>
  z.object({ pid: z.int() }).parse(JSON.parse(readFileSync(join(engine.directory(attempt), 'claim'), 'utf8'))).pid

async function started(engine: Engine, what: string[]): Promise<string> {
  const launch = rankJob(python, what, { attempt: newAttempt() })
  await engine.launch(launch)
  return launch.job.attempt
}

const place = async () => {
  const made = await localPlace()
  onTestFinished(() => made.close())
  return made.engine()
}

test('launchers come from one process, and are told apart', async () => {
  const engine = await place()
  const attempts = await Promise.all(
    [
      ['leave', '0'],
      ['leave', '3'],
      ['leave', '0'],
    ].map((what) => started(engine, what)),
  )
  await Promise.all(attempts.map((attempt) => engine.ended(attempt, never())))
  const seen = await engine.observe(attempts)
  expect(attempts.map((attempt) => seen.get(attempt))).toMatchObject(
    [0, 3, 0].map((code) => ({ state: 'exited', exit: { ranks: [{ code }] } })),
  )
})

test('when the spawner is killed its launchers go on, their ends are seen, and the next launch does without it', async () => {
  const engine = await place()
  const first = await started(engine, ['wait'])
  await untilWritten(engine, first, 'stdout.0.log', 'ready\n')
  const spawner = parentOf(launcherOf(engine, first))
  const ended = engine.ended(first, never())
  process.kill(spawner, 'SIGKILL')
  const second = await started(engine, ['wait'])
  await untilWritten(engine, second, 'stdout.0.log', 'ready\n')
  expect((await engine.observe([first])).get(first)).toEqual({ state: 'running' })
  expect(parentOf(launcherOf(engine, second))).not.toBe(spawner)
  for (const attempt of [first, second]) await engine.signal(attempt, 'SIGKILL')
  await Promise.all([ended, engine.ended(second, never())])
  expect((await engine.observe([first])).get(first)).toMatchObject({ state: 'exited', exit: { cause: 'signal' } })
})
