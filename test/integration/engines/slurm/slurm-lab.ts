import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'
import { SlurmEngine } from '../../../../orchestrator/engines/slurm/slurm.ts'
import { slurmPool } from '../../../../orchestrator/engines/slurm/slurm-pool.ts'
import type { PoolOf } from '../../../../orchestrator/spec/pools/pool.ts'
import { type Slurm, type SlurmSettings, startSlurm } from '../../../support/slurm.ts'
import { rankJob } from '../contract/lab.ts'
import { python } from '../contract/local-place.ts'
import { log } from '../contract/log.ts'

export type SlurmLab = {
  slurm: Slurm
  folder: string
  /** A new engine each time, as a control plane that comes back makes one. */
  engine: (patch?: Partial<PoolOf<'slurm'>>) => SlurmEngine
  job: (what: string[], patch?: Parameters<typeof rankJob>[2]) => ReturnType<typeof rankJob>
  /** What squeue shows of all jobs, a line each. */
  queue: (format: string) => Promise<string[]>
  close: () => Promise<void>
}

/** A cluster of its own and a folder that its nodes share. */
export async function openSlurmLab(settings: SlurmSettings = {}): Promise<SlurmLab> {
  const slurm = await startSlurm(settings)
  const folder = await mkdtemp(join(tmpdir(), 'slurm-pool-'))
  const engines: SlurmEngine[] = []
  return {
    slurm,
    folder,
    engine: (patch = {}) => {
      const pool = { name: 'cluster', engine: 'slurm' as const, directory: folder, conf: slurm.conf, poll: '500ms' }
      const settled = slurmPool({ ...pool, preflight: 'off', ...patch }, { python })
      const engine = new SlurmEngine({ pool: settled, identity: 'store-1', prepare: prepared, log })
      engines.push(engine)
      return engine
    },
    job: (what, patch) => rankJob(python, what, patch),
    queue: async (format) => {
      const lines = await slurm.run('squeue', '--noheader', '--array', '--states=all', `--format=${format}`)
      return lines.split('\n').filter(Boolean)
    },
    close: async () => {
      for (const engine of engines) engine.close()
      await slurm.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
