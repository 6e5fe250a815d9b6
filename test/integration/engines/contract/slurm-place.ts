import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'
import { SlurmEngine } from '../../../../orchestrator/engines/slurm/slurm.ts'
import { type SlurmPool, slurmPool } from '../../../../orchestrator/engines/slurm/slurm-pool.ts'
import { readSubmission } from '../../../../orchestrator/engines/slurm/submission.ts'
import { startSlurm } from '../../../support/slurm.ts'
import { eventually } from './lab.ts'
import { python } from './local-place.ts'
import { log } from './log.ts'
import type { Place } from './place.ts'
import { startControlPlane } from './start-control-plane.ts'

/** A cluster of its own: real daemons of Slurm's, with nodes that are all this machine. */
export async function slurmPlace(): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'slurm-engine-'))
  // It forgets what has ended as soon as Slurm can be told to.
  const slurm = await startSlurm({ nodes: 3, cpus: 64, minJobAge: 2 })
  const identity = `contract-${process.pid}`
  const settings = { name: 'cluster', engine: 'slurm', directory, conf: slurm.conf, poll: '2s' } as const
  const pool = slurmPool({ ...settings, preflight: 'off' }, { python })
  const engines: SlurmEngine[] = []
  const engine = (patch: Partial<SlurmPool> = {}) => {
    const made = new SlurmEngine({ pool: { ...pool, ...patch }, identity, prepare: prepared, log })
    engines.push(made)
    return made
  }
  const anyEngine = engine()
  /** What Slurm calls the attempt, and says of it; nothing once either has forgotten. */
  const jobs = async (attempt: string) => {
    const id = (await readSubmission(anyEngine.directory(attempt)))?.id
    const listed = await slurm.run('squeue', '--noheader', '--array', '--states=all', '--format=%i %T %r')
    return listed.split('\n').filter((line) => id && line.startsWith(`${id} `))
  }
  return {
    python,
    env: { FOR_THE_WORKER: 'yes' },
    engine,
    controlPlane: (launch) =>
      startControlPlane(join(import.meta.dirname, 'make-slurm-engine.ts'), { pool, identity }, launch),
    remains: async (attempt) => {
      const folder = anyEngine.directory(attempt)
      return [...(existsSync(folder) ? [folder] : []), ...(await jobs(attempt))]
    },
    loseMemory: (attempt) => eventually(async () => expect(await jobs(attempt)).toEqual([])),
    crowded: async () => ({ engine: engine({ extra: ['--begin=now+1hour'] }), why: /may not begin before/ }),
    close: async () => {
      for (const one of engines) one.close()
      const left = await slurm.run('squeue', '--noheader', '--format=%j %T')
      await slurm.stop()
      rmSync(directory, { recursive: true })
      expect(left).toBe('')
    },
  }
}
