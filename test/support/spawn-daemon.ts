import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Client, createClient } from '../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../orchestrator/ledger/socket-path.ts'
import { ErrorBody } from '../../orchestrator/server/api.ts'

export const root = resolve(import.meta.dirname, '../..')
const node = join(root, 'node_modules/.bin/node')
/** As `orchestrator/cli/orchestrate` sets it. */
const compileCache = join(root, 'node_modules/.cache/orchestrate')

export type Daemon = {
  client: Client
  process: ChildProcess
  /** Resolves when its process is gone, whichever way. */
  exited: Promise<void>
  /** Ends it as a crash would. */
  kill: () => Promise<void>
  stop: () => Promise<void>
}

/**
 * A real daemon in a process of its own; what it answers when it can't start is thrown as ErrorBody. `signal` kills it,
 * ready or not.
 */
export async function spawnDaemon(
  state: string,
  env: Record<string, string> = {},
  args: string[] = [],
  signal?: AbortSignal,
): Promise<Daemon> {
  return (await spawnAny(state, env, args, signal)).ready
}

/** A daemon that waits behind another: resolves when it does. */
export async function spawnStandby(state: string, env: Record<string, string> = {}) {
  const { ready, follows, process } = await spawnAny(state, env, ['--standby'])
  return { follows: await Promise.race([follows, ready.then(() => 'nobody')]), ready, process }
}

async function spawnAny(state: string, env: Record<string, string>, args: string[], signal?: AbortSignal) {
  const main = join(root, 'orchestrator/server/main.ts')
  const child = spawn(node, [main, '--state', state, ...args], {
    env: { ...bare(), NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit').then(() => {})
  const abort = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const follows = Promise.withResolvers<string>()
  const end = (signal: NodeJS.Signals) => async () => {
    child.kill(signal)
    await exited
  }
  const untilReady = async (): Promise<Daemon> => {
    for await (const line of createInterface({ input: child.stdout })) {
      const said = JSON.parse(line)
      if ('standby' in said) {
        follows.resolve(said.standby)
        continue
      }
      if (ErrorBody.safeParse(said).success) {
        await exited
        throw said
      }
      child.stdout.resume()
      return {
        client: createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') }),
        process: child,
        exited,
        kill: end('SIGKILL'),
        stop: end('SIGTERM'),
      }
    }
    await exited
    throw new Error(`the daemon said nothing and ended with ${child.signalCode ?? child.exitCode}`)
  }
  const ready = untilReady()
  ready.catch(() => {}) // whoever waits for it is told
  return { ready, follows: follows.promise, process: child }
}

/** Nothing of the tester's own settings reaches what is tested. */
export const bare = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(ORCHESTRATE_|AWS_|REDIS_URL$)/.test(name)))
