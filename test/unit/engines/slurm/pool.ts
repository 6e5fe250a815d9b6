import type { Needs } from '../../../../orchestrator/engines/slurm/sbatch-arguments.ts'
import type { SlurmPool } from '../../../../orchestrator/engines/slurm/slurm-pool.ts'

export const slurmPool = (patch: Partial<SlurmPool> = {}): SlurmPool => ({
  name: 'cluster',
  directory: '/shared/orchestrate',
  python: 'python3',
  conf: null,
  jobs: 1000,
  partition: null,
  account: null,
  qos: null,
  reservation: null,
  constraint: null,
  exclusive: false,
  gpus: '--gpus-per-node={n}',
  time: null,
  extra: [],
  container: null,
  preflight: 'off',
  warn: 120,
  poll: 10,
  ...patch,
})

export const someNeeds = (patch: Partial<Needs> = {}): Needs => ({
  nodes: 1,
  cores: 1,
  gpus: 0,
  memory: null,
  time: null,
  avoid: [],
  ...patch,
})
