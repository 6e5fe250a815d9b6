import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ContainerEngine } from '../../../orchestrator/engines/container/container-engine.ts'
import type { ContainerSettings } from '../../../orchestrator/engines/container/settings.ts'
import type { Launch } from '../../../orchestrator/engines/engine.ts'
import { prepared } from '../../../orchestrator/engines/prepare/prepare.ts'
import type { JobOrder } from '../../../orchestrator/protocol/job-order.ts'
import { testSettings } from '../../support/container.ts'
import { never, rankJob } from '../engines/contract/lab.ts'
import { log } from '../engines/contract/log.ts'

/** An engine in a state directory of its own; both are gone after the test, with whatever still runs. */
export function makeEngine(patch: Partial<ContainerSettings> = {}) {
  const stateDir = mkdtempSync(join(tmpdir(), 'containers-'))
  const settings = testSettings(patch)
  const engine = new ContainerEngine({ stateDir, settings, prepare: prepared, log: { ...log, info: () => {} } })
  onTestFinished(async () => {
    for (const attempt of await engine.living()) {
      await engine.signal(attempt, 'SIGKILL')
      await engine.ended(attempt, never())
    }
    engine.close()
    rmSync(stateDir, { recursive: true })
  })
  const read = (attempt: string, file: string): string => readFileSync(join(engine.directory(attempt), file), 'utf8')
  return { engine, stateDir, read }
}

/** An attempt whose ranks run a line of Python. */
export const lineJob = (line: string, patch: Partial<JobOrder> = {}): Launch =>
  rankJob('python3', [], { command: ['python3', '-c', line], code: import.meta.dirname, ...patch })
