import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'
import { SlurmEngine } from '../../../../orchestrator/engines/slurm/slurm.ts'
import type { SlurmPool } from '../../../../orchestrator/engines/slurm/slurm-pool.ts'

export const makeEngine = (options: { pool: SlurmPool; identity: string }) =>
  new SlurmEngine({ ...options, prepare: prepared, log: { warn: console.error } })
