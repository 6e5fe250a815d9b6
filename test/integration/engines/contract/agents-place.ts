import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { newKeyPair } from '../../../../orchestrator/engines/agents/seal.ts'
import { AgentHosts } from '../../../../orchestrator/ledger/agents/agent-hosts.ts'
import { Capacity } from '../../../../orchestrator/ledger/capacity.ts'
import { namespaceOf } from '../../../../orchestrator/server/open-redis.ts'
import { identityOf } from '../../../../orchestrator/store/identity.ts'
import { openStore } from '../../../../orchestrator/store/open-store.ts'
import { bare, root } from '../../../support/spawn-daemon.ts'
import { testRedis } from '../../ledger/redis.ts'
import { eventually } from './lab.ts'
import { PlacingEngine } from './make-agents-engine.ts'
import type { Place } from './place.ts'
import { processesOf } from './processes-of.ts'
import { startControlPlane } from './start-control-plane.ts'

const python = process.env.ORCHESTRATE_PYTHON ?? join(root, '.venv/bin/python')

/** A control plane's side here, and an agent in a process of its own with a state directory of its own. */
export async function agentsPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'agents-'))
  const [stateDir, agentState, storeFolder] = ['control', 'agent', 'store'].map((name) => join(folder, name))
  if (!stateDir || !agentState || !storeFolder) throw new Error('no folders')
  for (const made of [stateDir, storeFolder]) mkdirSync(made)
  const address = { url: pathToFileURL(storeFolder).href }
  const redis = await testRedis()
  const namespace = namespaceOf({ store: address }, await identityOf(await openStore(address)))
  const agent = await startAgent(agentState, { REDIS_URL: `unix://${redis.socket}`, ORCHESTRATE_STORE: address.url })
  const link = await redis.link(namespace)
  const capacity = new Capacity(link)
  await capacity.setHost('lab', 'box', { cores: 1000, gpus: [] })

  const engines: PlacingEngine[] = []
  const make = (need?: { cores: number; gpus: number }) => {
    const engine = new PlacingEngine(stateDir, link, need)
    if (engines.length === 0) engine.listen() // one does, as one control plane has a state directory
    void engine.start()
    engines.push(engine)
    return engine
  }
  const directories = (attempt: string) => [stateDir, agentState].map((state) => join(state, 'attempts', attempt))
  return {
    python,
    env: {},
    engine: () => make(),
    controlPlane: (launch) =>
      startControlPlane(
        join(import.meta.dirname, 'make-agents-engine.ts'),
        { stateDir, socket: redis.socket, namespace },
        launch,
      ),
    remains: async (attempt) => directories(attempt).filter((directory) => existsSync(directory)),
    loseMemory: async () => {}, // Redis keeps it until the control plane has all of it
    // The only host with a GPU, whose agent is away, and not yet given up.
    crowded: async () => {
      const has = { cores: 0, gpus: ['GPU-test'] }
      const facts = { capacity: has, publicKey: newKeyPair().publicKey, version: '0', startedAt: 0 }
      await new AgentHosts(link, 'lab').join('quiet-box', 'i-1', facts)
      await capacity.setHost('lab', 'quiet-box', has)
      return { engine: make({ cores: 0, gpus: 1 }), why: /waits for the agent of quiet-box/ }
    },
    close: async () => {
      await Promise.all(engines.map((engine) => engine.close()))
      await agent.kill()
      await eventually(() => expect(readdirSync(join(agentState, 'attempts')).flatMap(processesOf)).toEqual([]))
      await redis.end()
      rmSync(folder, { recursive: true })
    },
  }
}

async function startAgent(state: string, env: Record<string, string>) {
  const child = spawn(
    join(root, 'orchestrator/cli/orchestrate'),
    ['agent', '--pool', 'lab', '--name', 'box', '--state', state],
    {
      env: { ...bare(), ORCHESTRATE_CORES: '1000', ORCHESTRATE_PYTHON: python, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stderr })) if (line.includes('has joined')) break
  child.stderr.resume()
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
