import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Health } from '../../server/api.ts'
import type { Client } from './client.ts'

/** Asks a daemon to end, and waits until it has: until its lock is free, which it gives back last of all. */
export async function endDaemon({ client, health }: { client: Client; health: Health }): Promise<void> {
  await client.stop()
  const deadline = performance.now() + limits.client.end
  while (performance.now() < deadline) {
    if (await hasEnded(client, health)) return
    await setTimeout(50)
  }
  throw new OrchestrateError(
    'DAEMON_RUNNING',
    `the daemon was asked to end ${limits.client.end / 1000} s ago and is still there`,
  )
}

async function hasEnded(client: Client, { pid, state }: Health): Promise<boolean> {
  const now = await client.health().catch(() => null)
  if (now !== null) return now.pid !== pid // another one has taken its place already
  return client.target.kind === 'url' || isFree(join(state, 'daemon.lock'))
}

const isFree = (lock: string): Promise<boolean> =>
  promisify(execFile)('flock', ['--nonblock', '--shared', lock, 'true']).then(
    () => true,
    () => false,
  )
