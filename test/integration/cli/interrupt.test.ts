import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { createClient } from '../../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../../orchestrator/ledger/socket-path.ts'
import { until } from '../../support/daemon.ts'
import { writeHeld } from '../../support/held.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

const slow = '  slow: { entry: count, with: { steps: 100000, delay_ms: 50 } }'

/** Resolves with the first line that matches. */
async function untilSays(out: Readable | null, pattern: RegExp): Promise<string> {
  for await (const line of createInterface({ input: out as Readable })) if (pattern.test(line)) return line
  throw new Error(`it ended without saying ${pattern}`)
}

test('Ctrl-C stops the run and ends with 130; resume goes on with it', async () => {
  const { orchestrate } = await freshOrchestrate()
  const running = orchestrate('run', await writePipeline(slow))
  await untilSays(running.stdout, /slow running/)
  running.kill('SIGINT')
  const { exitCode, stderr, stdout } = await running
  expect(exitCode).toBe(130)
  expect(stderr).toContain('saving a checkpoint and stopping')
  const [, run = ''] = /next +orchestrate resume (r-\w+)/.exec(stdout) ?? []
  expect(JSON.parse((await orchestrate('status', run, '--json')).stdout).state).toBe('cancelled')

  const resumed = orchestrate('resume', run, '--json')
  await untilSays(resumed.stderr, /slow running/)
  resumed.kill('SIGINT')
  expect((await resumed).exitCode).toBe(130)
})

test('Ctrl-C of one who only looks ends only the looking', async () => {
  const { orchestrate } = await freshOrchestrate()
  const detached = await orchestrate('run', await writePipeline(slow), '--detach', '--json')
  const { run, state } = JSON.parse(detached.stdout)
  expect(state).toBe('running')
  const looking = orchestrate('status', run, '--follow')
  await untilSays(looking.stdout, /slow running/)
  looking.kill('SIGINT')
  expect((await looking).exitCode).toBe(0)
  expect(JSON.parse((await orchestrate('status', run, '--json')).stdout).state).toBe('running')
  await orchestrate('cancel', run, '--now')
})

test('a daemon that is killed under a run is started again by whoever looks on', async () => {
  const { state, orchestrate } = await freshOrchestrate()
  const { file, letGo } = await writeHeld('  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }')
  const running = orchestrate('run', file, '--json')
  await untilSays(running.stderr, /slow running/)
  const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
  await until(client, 'latest', (view) => (view.jobs[0]?.progress?.step ?? 0) > 3)
  process.kill((await client.health()).pid, 'SIGKILL')
  await letGo('slow')
  const { exitCode, stdout } = await running
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
})
