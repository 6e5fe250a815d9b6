import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { type Client, createClient } from '../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../orchestrator/ledger/socket-path.ts'
import { startRedis } from '../../orchestrator/ledger/start-redis.ts'
import { ErrorBody, type RunView } from '../../orchestrator/server/api.ts'

export const root = resolve(import.meta.dirname, '../..')
const node = join(root, 'node_modules/.bin/node')

/** A state directory that is gone after the test, with whatever still runs in it. */
export async function makeState(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-'))
  onTestFinished(async () => {
    const redis = await startRedis(folder).catch(() => null)
    await redis?.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 20 })
  })
  return folder
}

export type Daemon = {
  client: Client
  process: ChildProcess
  /** Ends it as a crash would. */
  kill: () => Promise<void>
  stop: () => Promise<void>
}

/** A real daemon in a process of its own; what it answers when it can't start is thrown as ErrorBody. */
export async function startDaemon(
  state: string,
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<Daemon> {
  const main = join(root, 'orchestrator/server/main.ts')
  const child = spawn(node, [main, '--state', state, ...args], {
    env: { ...bare(), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const [first] = (await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error('the daemon said nothing'))),
  ])) as [string]
  const said: unknown = JSON.parse(first)
  if (ErrorBody.safeParse(said).success) {
    await exited
    throw said
  }
  const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
  const daemon: Daemon = {
    client,
    process: child,
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) await daemon.stop()
  })
  return daemon
}

/** Nothing of the tester's own settings reaches what is tested. */
export const bare = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ORCHESTRATE_|AWS_|REDIS_URL$)/.test(name)))

/** Waits, event-driven, until a run looks as wanted. */
export async function until(client: Client, run: string, wanted: (view: RunView) => boolean): Promise<RunView> {
  for await (const view of client.updates(run)) {
    if (wanted(view)) return view
  }
  const last = await client.run(run)
  if (wanted(last)) return last
  throw new Error(
    `run ${run} ended as ${last.state}: ${JSON.stringify(last.jobs.map((job) => [job.stage, job.state, job.error?.message]))}`,
  )
}

export const ended = (view: RunView): boolean => view.state !== 'running'
