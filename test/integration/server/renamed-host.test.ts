import pino from 'pino'
import { expect, test } from 'vitest'
import { Capacity } from '../../../orchestrator/ledger/capacity.ts'
import { openRedis } from '../../../orchestrator/server/open-redis.ts'
import { readSettings } from '../../../orchestrator/server/settings.ts'
import { type Undo, unwind } from '../../../orchestrator/server/undo.ts'
import { bare, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitStages } from '../../support/pipelines.ts'

test('what the machine was called before leaves no room behind that there is not', async () => {
  const state = await makeState()
  await (await startDaemon(state)).stop()
  await asOf(state, (capacity) => capacity.setHost('local', 'its-old-name', { cores: 64, gpus: ['GPU-gone'] }))
  const { client } = await startDaemon(state)
  const { run } = await submitStages(client, '  first: { entry: count }')
  const { pool, state: end } = await until(client, run, ended)
  expect(end).toBe('succeeded')
  expect([pool.coresFree, pool.gpusFree]).toEqual([pool.cores, pool.gpus])
})

/** Does something to the capacity that a stopped daemon has left in its Redis. */
async function asOf(state: string, change: (capacity: Capacity) => Promise<void>): Promise<void> {
  const log = pino({ level: 'silent' })
  const undo: Undo = []
  try {
    await change(new Capacity(await openRedis(readSettings(bare(), { state }), log, undo)))
  } finally {
    await unwind(undo, log)
  }
}
