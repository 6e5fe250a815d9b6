import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startDaemon, until } from '../../support/daemon.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitStages } from '../../support/pipelines.ts'
import { freshOrchestrate } from '../cli/orchestrate.ts'

test('a live daemon is asked whether what should always be so is so, and doctor shows what is not', async () => {
  const { state, orchestrate } = await freshOrchestrate()
  const daemon = await startDaemon(state)
  const { run } = await submitStages(daemon.client, '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }')
  await until(daemon.client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 1)
  await expectInvariants(daemon)

  // A process that says it belongs to an attempt, which nobody has placed.
  const ghost = spawn('sleep', ['600'], {
    env: { ...process.env, ORCHESTRATE_ATTEMPT_DIR: join(state, 'attempts', 'a-ghost-1') },
  })
  onTestFinished(() => void ghost.kill())
  await once(ghost, 'spawn')
  const detail = 'a process of it lives, and no job knows it'
  expect((await daemon.client.invariants()).violations).toEqual([
    { invariant: 'processes', subject: 'a-ghost-1', detail },
  ])
  const ill = await orchestrate('doctor')
  expect(ill.exitCode).toBe(4)
  expect(ill.stdout).toMatch(/✔ ok +reservations +what is reserved belongs to an attempt/)
  expect(ill.stdout).toMatch(/✘ broken +processes +a-ghost-1: a process of it lives, and no job knows it/)
  ghost.kill()
  await once(ghost, 'exit')
  await daemon.client.cancel(run, 'now')
  await until(daemon.client, run, (view) => view.state === 'cancelled')
  await expectInvariants(daemon)
})
