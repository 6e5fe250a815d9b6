import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { LocalEngine } from '../../../../orchestrator/engines/local/local.ts'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'
import { eventually } from './lab.ts'
import { log } from './log.ts'
import type { Place } from './place.ts'
import { processesOf } from './processes-of.ts'
import { startControlPlane } from './start-control-plane.ts'

/** An interpreter of the machine will do: neither launcher nor ranks use a package. */
export const python = process.env.ORCHESTRATE_PYTHON ?? join(import.meta.dirname, '../../../../.venv/bin/python')

export async function localPlace(): Promise<Place & { stateDir: string }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'local-engine-'))
  const engines: LocalEngine[] = []
  const directory = (attempt: string) => join(stateDir, 'attempts', attempt)
  return {
    stateDir,
    python,
    env: { FOR_THE_WORKER: 'yes' },
    engine: () => {
      const engine = new LocalEngine({ stateDir, python, prepare: prepared, log })
      engines.push(engine)
      return engine
    },
    controlPlane: (launch) =>
      startControlPlane(join(import.meta.dirname, 'make-local-engine.ts'), { stateDir, python }, launch),
    remains: async (attempt) => (existsSync(directory(attempt)) ? [directory(attempt)] : []),
    loseMemory: async () => {}, // the kernel has, with the last process
    crowded: async () => null,
    close: async () => {
      for (const engine of engines) engine.close()
      // A launcher takes a moment to go after it has left its record.
      await eventually(() => expect(readdirSync(join(stateDir, 'attempts')).flatMap(processesOf)).toEqual([]))
      rmSync(stateDir, { recursive: true })
    },
  }
}
