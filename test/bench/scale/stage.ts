import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '../../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../../orchestrator/ledger/socket-path.ts'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { bare } from '../../support/spawn-daemon.ts'
import type { Requests } from './count-requests.ts'
import type { Seen } from './pretend/protocol.ts'

export type StageOptions = {
  /** Cores of the pool: how many jobs of one core run at a time. */
  atOnce: number
  seed: number
  /** Seconds that a job takes, on average. */
  meanSeconds: number
  /** How often each running job tells of a step. */
  tellSeconds: number
}

export type Held = { heap: number; requests: Requests }

/** A real daemon whose engine pretends, on a state directory of its own. */
export type Stage = {
  state: string
  client: Client
  pid: () => number
  redisSocket: string
  /** What the daemon holds, after garbage was collected. */
  held: () => Promise<Held>
  /** What the attempts themselves remember. */
  seen: () => Promise<Seen[]>
  /** Ends the daemon as a crash would, and starts another on the same state: milliseconds until it answers. */
  restart: () => Promise<number>
  end: () => Promise<void>
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-scale-'))
  const [state, socket] = [join(folder, 'state'), join(folder, 'pretend.sock')]
  const { seed, meanSeconds, tellSeconds } = options
  const numbers = ['--seed', seed, '--mean', meanSeconds, '--tell', tellSeconds].map(String)
  const actors = await forkReady('pretend/main.ts', ['--socket', socket, ...numbers], {})
  const start = (): Promise<ChildProcess> =>
    forkReady('daemon-main.ts', [state, socket], { ORCHESTRATE_CORES: String(options.atOnce) })
  let daemon = await start()
  return {
    state,
    client: createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') }),
    pid: () => daemon.pid ?? 0,
    redisSocket: socketPath(state, 'redis/redis.sock'),
    held: () => ask<Held>(daemon),
    seen: async () => (await ask<{ seen: Seen[] }>(actors)).seen,
    restart: async () => {
      daemon.kill('SIGKILL')
      await once(daemon, 'exit')
      const from = performance.now()
      daemon = await start()
      return performance.now() - from
    },
    end: async () => {
      await end(daemon)
      await end(actors)
      await (await startRedis(state).catch(() => null))?.stop()
      await rm(folder, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}

async function forkReady(file: string, args: string[], env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, file), args, {
    execArgv: ['--expose-gc'],
    env: { ...bare(), ...env },
    serialization: 'advanced',
  })
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${file} ended before it was ready`))),
  ])
  return child
}

async function ask<T>(child: ChildProcess): Promise<T> {
  const answer = once(child, 'message')
  child.send('?')
  return (await answer)[0] as T
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
