import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { ContainerEngine } from '../../../../orchestrator/engines/container/container-engine.ts'
import type { ContainerSettings } from '../../../../orchestrator/engines/container/settings.ts'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'
import { containersOf, testSettings } from '../../../support/container.ts'
import { eventually } from './lab.ts'
import { log } from './log.ts'
import type { Place } from './place.ts'
import { processesOf } from './processes-of.ts'
import { startControlPlane } from './start-control-plane.ts'

export async function containerPlace(): Promise<Place> {
  const stateDir = mkdtempSync(join(tmpdir(), 'container-engine-'))
  const settings = testSettings()
  const directory = (attempt: string) => join(stateDir, 'attempts', attempt)
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const engines: ContainerEngine[] = []
  const make = (patch: Partial<ContainerSettings> = {}) => {
    const quiet = { ...log, info: () => {} }
    const engine = new ContainerEngine({ stateDir, settings: { ...settings, ...patch }, prepare: prepared, log: quiet })
    engines.push(engine)
    return engine
  }
  return {
    python: 'python3',
    env: { FOR_THE_WORKER: 'yes' },
    engine: () => make(),
    controlPlane: (launch) =>
      startControlPlane(join(import.meta.dirname, 'make-container-engine.ts'), { stateDir, settings }, launch),
    remains: async (attempt) => [
      ...(existsSync(directory(attempt)) ? [directory(attempt)] : []),
      ...containersOf(attempt),
    ],
    loseMemory: async () => {},
    // A registry that takes the call, and then says nothing.
    crowded: async () => {
      const { port } = silent.address() as AddressInfo
      return { engine: make({ image: `127.0.0.1:${port}/worker@sha256:${'0'.repeat(64)}` }), why: /^pulling 127/ }
    },
    close: async () => {
      for (const engine of engines) engine.close()
      silent.close()
      await eventually(() => expect(readdirSync(join(stateDir, 'attempts')).flatMap(processesOf)).toEqual([]))
      await eventually(() => expect(readdirSync(join(stateDir, 'attempts')).flatMap(containersOf)).toEqual([]))
      rmSync(stateDir, { recursive: true })
    },
  }
}
