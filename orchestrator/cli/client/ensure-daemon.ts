import { setTimeout } from 'node:timers/promises'
import { OrchestrateError } from '../../errors.ts'
import { socketPath } from '../../ledger/socket-path.ts'
import type { Health } from '../../server/api.ts'
import { buildId } from '../../server/build-id.ts'
import { type Client, createClient } from './client.ts'
import { startDaemon } from './start-daemon.ts'

export type Found = { client: Client; health: Health }

const patienceMs = 120_000

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
 * The daemon of a state directory, started when there is none. One of another build is asked to end first, unless any will
 * do: its attempts go on, and the new one adopts them.
 */
export async function ensureDaemon(state: string, { anyBuild }: { anyBuild: boolean }): Promise<Client> {
  const deadline = performance.now() + patienceMs
  let asked = false
  while (performance.now() < deadline) {
    const found = await findDaemon(state)
    if (found !== null) {
      if (anyBuild || found.health.build === buildId()) return found.client
      if (!asked) await found.client.stop()
      asked = true
      await waitUntilGone(found.client)
    }
    // Another client may be starting one at this moment, or an old one may still be ending: then the next look tells.
    if ((await startDaemon(state)) === 'taken') await setTimeout(50)
  }
  throw new OrchestrateError('DAEMON_UNREACHABLE', `the daemon of ${state} holds its lock and does not answer`)
}

/** Waits until nobody listens at the client's address any more: the daemon finishes what it was writing. */
export async function waitUntilGone(client: Client): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (performance.now() < deadline) {
    const answered = await client.health().then(
      () => true,
      () => false,
    )
    if (!answered) return
    await setTimeout(20)
  }
  throw new OrchestrateError(
    'DAEMON_RUNNING',
    `the daemon was asked to end ${patienceMs / 1000} s ago and still answers`,
  )
}
