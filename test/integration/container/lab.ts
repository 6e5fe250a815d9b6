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
import { never, newAttempt } from '../engines/contract/lab.ts'
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
export function lineJob(line: string, patch: Partial<JobOrder> = {}): Launch {
  const job: JobOrder = {
    ...{ protocol: 1, attempt: newAttempt(), job: 'k'.repeat(64), stage: 'test', shard: 0, shards: 1, fence: 1 },
    ...{ command: ['python3', '-c', line], code: import.meta.dirname, entry: 'test', config: {}, inputs: {} },
    ...{ outputs: [], ranks: 1, cores: 1, gpus: [], store: { url: 'file:///nowhere' }, prefix: 'jobs/k/s0/1' },
    ...{
      resume: [],
      checkpoint: { every: null },
      grace: 60,
      time: null,
      memory: null,
      logBytes: 1 << 16,
      secrets: null,
    },
    ...patch,
  }
  return { job, env: {}, secrets: {} }
}
