import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { startRedis } from '../../orchestrator/ledger/start-redis.ts'
import { type Daemon, spawnDaemon } from './spawn-daemon.ts'

export { bare, type Daemon, root } from './spawn-daemon.ts'
export { ended, until } from './until.ts'

/** A state directory that is gone after the test, with whatever still runs in it. */
export async function makeState(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-'))
  onTestFinished(() => endState(folder))
  return folder
}

export async function endState(folder: string): Promise<void> {
  const redis = await startRedis(folder).catch(() => null)
  await redis?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 20 })
}

/** A real daemon that ends with the test. */
export async function startDaemon(
  state: string,
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<Daemon> {
  const daemon = await spawnDaemon(state, env, args)
  const { process } = daemon
  onTestFinished(async () => {
    if (process.exitCode === null && process.signalCode === null) await daemon.stop()
  })
  return daemon
}
