import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { LocalEngine } from '../../../orchestrator/engines/local/local.ts'
import { pidsOf } from '../../../orchestrator/engines/local/processes.ts'
import { prepared } from '../../../orchestrator/engines/prepare/prepare.ts'
import type { Place } from './contract.ts'

/** An interpreter of the machine will do: neither launcher nor ranks use a package. */
export const python = process.env.ORCHESTRATE_PYTHON ?? join(import.meta.dirname, '../../../.venv/bin/python')

/** Warnings fail the test that caused them. */
export const log = {
  warn: (details: unknown, message?: string) => {
    throw new Error(`${message}: ${JSON.stringify(details)}`)
  },
}

export async function localPlace(): Promise<Place & { stateDir: string }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'local-engine-'))
  return {
    stateDir,
    python,
    engine: () => new LocalEngine({ stateDir, python, prepare: prepared, log }),
    close: async () => {
      const left = readdirSync(join(stateDir, 'attempts')).flatMap((name) =>
        pidsOf(join(stateDir, 'attempts', name), null),
      )
      expect(left).toEqual([])
      rmSync(stateDir, { recursive: true })
    },
  }
}
