import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { pidsOf } from '../../../orchestrator/engines/local/processes.ts'
import { bare, type Daemon, endState, makeState, root, startDaemon } from '../../support/daemon.ts'
import { type TlsRedis, tlsRedis } from '../../support/tls-redis.ts'

export type RunningAgent = {
  host: string
  state: string
  process: ChildProcess
  exited: Promise<void>
  /** All that it has said. */
  said: string[]
  /** Resolves when it says so. */
  says(what: string): Promise<void>
}

export type AgentOptions = { cores?: number; state?: string; env?: Record<string, string> }

export type Lab = {
  redis: TlsRedis
  daemon: Daemon
  state: string
  store: string
  /** Of its daemon, and of whoever asks that. */
  env: Record<string, string>
  /** The same daemon once more, after its end. */
  again(): Promise<Daemon>
  agent(host: string, options?: AgentOptions): Promise<RunningAgent>
}

/** A control plane with a pool `lab` of agents, over a Redis with TLS and a password, and a store that all see. */
export async function makeLab({ silence = '5s' } = {}): Promise<Lab> {
  const redis = await tlsRedis()
  onTestFinished(() => redis.end())
  const store = await mkdtemp(join(tmpdir(), 'orc-store-'))
  onTestFinished(() => rm(store, { recursive: true, force: true, maxRetries: 20 }))
  const state = await makeState()
  await writeFile(join(state, 'pools.yaml'), `pools:\n  lab: { engine: agents, silence: ${silence} }\n`)
  const env = { REDIS_URL: redis.url, ORCHESTRATE_STORE: `file://${store}`, ...redis.env }
  const daemon = await startDaemon(state, env)
  return {
    redis,
    daemon,
    state,
    store,
    env,
    again: () => startDaemon(state, env),
    agent: (host, options) => startAgent(host, env, options),
  }
}

async function startAgent(
  host: string,
  env: Record<string, string>,
  { cores = 2, state, env: more = {} }: AgentOptions = {},
): Promise<RunningAgent> {
  const folder = state ?? (await mkdtemp(join(tmpdir(), 'orc-a-')))
  const child = spawn(
    join(root, 'orchestrator/cli/orchestrate'),
    ['agent', '--pool', 'lab', '--name', host, '--state', folder],
    { env: { ...bare(), ...env, ORCHESTRATE_CORES: `${cores}`, ...more }, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = once(child, 'exit').then(() => {})
  const said: string[] = []
  const lines = createInterface({ input: child.stderr })
  const waiting = new Set<() => void>()
  lines.on('line', (line) => {
    said.push(line)
    for (const look of waiting) look()
  })
  const says = (what: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!said.some((line) => line.includes(what))) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      void exited.then(() => setTimeout(() => reject(new Error(`it ended, and said: ${said.join('\n')}`)), 100))
    })
  onTestFinished(async () => {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await exited
    await killRanks(folder)
    await endState(folder)
  })
  const agent = { host, state: folder, process: child, exited, said, says }
  await says('has joined pool')
  return agent
}

/** Ends all that runs for an agent, as the end of its machine would. */
export async function killRanks(state: string): Promise<void> {
  const attempts = join(state, 'attempts')
  for (let pids = await ranksIn(attempts); pids.length > 0; pids = await ranksIn(attempts)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {} // gone by itself
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Processes of the attempts in a folder. */
export async function ranksIn(attempts: string): Promise<number[]> {
  const names = await readdir(attempts).catch(() => [])
  return names.flatMap((name) => pidsOf(join(attempts, name), null))
}
