import { hostname } from 'node:os'
import pino from 'pino'
import { expect, test } from 'vitest'
import { Capacity } from '../../../orchestrator/ledger/capacity.ts'
import { openRedis } from '../../../orchestrator/server/open-redis.ts'
import { readSettings } from '../../../orchestrator/server/settings.ts'
import { type Undo, unwind } from '../../../orchestrator/server/undo.ts'
import { identityOf } from '../../../orchestrator/store/identity.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { bare, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitStages } from '../../support/pipelines.ts'

test('what the machine was called before leaves no room behind that there is not', async () => {
  const state = await makeState()
  await (await startDaemon(state)).stop()
  await asOf(state, (capacity) => capacity.setHost('local', 'its-old-name', { cores: 64, gpus: ['GPU-gone'] }))
  const daemon = await startDaemon(state)
  const { run } = await submitStages(daemon.client, '  first: { entry: count }')
  expect((await until(daemon.client, run, ended)).state).toBe('succeeded')
  await daemon.stop()
  await asOf(state, async (capacity) => {
    expect((await capacity.free('local')).hosts.map(({ host }) => host)).toEqual([hostname()])
  })
})

/** Does something to the capacity that a stopped daemon has left in its Redis. */
async function asOf(state: string, change: (capacity: Capacity) => Promise<void>): Promise<void> {
  const log = pino({ level: 'silent' })
  const undo: Undo = []
  try {
    const settings = readSettings(bare(), { state })
    const store = await openStore(settings.store)
    await change(new Capacity((await openRedis(settings, identityOf(store), log, undo)).link))
  } finally {
    await unwind(undo, log)
  }
}
