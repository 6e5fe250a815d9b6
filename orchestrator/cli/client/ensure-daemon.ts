import { setTimeout } from 'node:timers/promises'
import { OrchestrateError } from '../../errors.ts'
import { socketPath } from '../../ledger/socket-path.ts'
import { limits } from '../../limits.ts'
import type { Health } from '../../server/api.ts'
import { type Client, createClient } from './client.ts'
import { endDaemon } from './end-daemon.ts'
import { startDaemon } from './start-daemon.ts'

export type Found = { client: Client; health: Health }

/** The daemon of a state directory if it answers, or null. */
export async function findDaemon(state: string): Promise<Found | null> {
  const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
  try {
    return { client, health: await client.health() }
  } catch (error) {
    if (error instanceof OrchestrateError && error.code === 'DAEMON_UNREACHABLE') return null
    throw error
  }
}

/**
 * The daemon of a state directory, started when there is none. One that is not acceptable (another build) is asked to end
 * first: its attempts go on, and the new one adopts them.
 */
export async function ensureDaemon(state: string, isAcceptable: (health: Health) => boolean): Promise<Found> {
  const deadline = performance.now() + limits.client.start
  while (performance.now() < deadline) {
    const found = await findDaemon(state)
    if (found !== null) {
      if (isAcceptable(found.health)) return found
      await endDaemon(found)
    }
    // Another client may be starting one at this moment: then the next look finds it.
    if ((await startDaemon(state)) === 'taken') await setTimeout(50)
  }
  throw new OrchestrateError('DAEMON_UNREACHABLE', `the daemon of ${state} holds its lock and does not answer`)
}
