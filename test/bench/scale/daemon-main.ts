import '../../../orchestrator/server/more-threads.ts'
import { hostFolders } from '../../../orchestrator/engines/prepare/host-folders.ts'
import { startDaemon } from '../../../orchestrator/server/daemon.ts'
import { openLog } from '../../../orchestrator/server/open-log.ts'
import type { OpenPool } from '../../../orchestrator/server/pools/open-pool.ts'
import { type Ground, prepareIn, thisMachine } from '../../../orchestrator/server/pools/open-pools.ts'
import { Pools } from '../../../orchestrator/server/pools/pools.ts'
import { makeStateDir, readSettings } from '../../../orchestrator/server/settings.ts'
import type { Pool } from '../../../orchestrator/spec/pools/pool.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { countRequests, type Requests } from './count-requests.ts'
import { PretendingEngine } from './pretend/engine.ts'

/*
 * The daemon as it is, but for its engine and for a count of what it asks the store: `daemon-main.ts STATE SOCKET`, with
 * IPC to whoever measures: any message is answered with what it holds in memory after garbage was collected, and the count.
 */
const [state = '', socket = ''] = process.argv.slice(2)
const settings = readSettings(process.env, { state, foreground: true })
makeStateDir(settings.stateDir)
const { log } = openLog(settings.stateDir)
const requests: Requests = {}
const daemon = await startDaemon(settings, log, {
  openStore: async (address) => countRequests(await openStore(address), requests),
  openPools: async (pools, ground) =>
    new Pools(
      pools.map((pool) => pretended(pool, ground)),
      settings.stateDir,
    ),
})
/** This machine, as far as its room goes, which the settings say; nothing runs on it. */
function pretended(pool: Pool, ground: Ground): OpenPool {
  const { stateDir } = ground.settings
  const engine = new PretendingEngine(
    stateDir,
    socket,
    prepareIn(ground, hostFolders(stateDir, ground.settings, ground.caches)),
  )
  return { ...thisMachine(pool, ground.host, ground.hostCapacity), engine, close: () => engine.close() }
}

process.on('SIGTERM', daemon.stop)
process.on('message', () => {
  globalThis.gc?.()
  process.send?.({ heap: process.memoryUsage().heapUsed, requests })
})
process.send?.({ ready: true })
await daemon.stopped
log.flush(() => process.exit(0))
