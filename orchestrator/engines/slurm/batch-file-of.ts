import type { BatchFile } from '../../protocol/batch-file.ts'
import type { JobFile } from '../../protocol/job-file.ts'
import { containerCommand, mountsOf } from './container-command.ts'
import type { SlurmPool } from './slurm-pool.ts'

/** Enough for logs and a small checkpoint; whoever needs more finds out soon. */
const FREE_BYTES = 1 << 30
/** Certificates and signed requests to a store bear a few minutes; curves of several nodes, a few seconds. */
const SKEW_S = 30
/** A node that starts Python from a busy file system may well take a minute. */
const PATIENCE_S = 180
/** Seconds without a word from a node: longer than a file system hangs, shorter than Slurm's own patience (300). */
const SILENCE_S = 120

/** What the batch step of an attempt is told besides its job. `folder`: all that its control plane has in the pool. */
export function batchFileOf(
  { container, preflight, python }: SlurmPool,
  { job, gpus, launcher, folder }: { job: JobFile; gpus: number; launcher: string; folder: string },
): BatchFile {
  return {
    protocol: 1,
    launcher: [python, '-I', '-S', launcher],
    ...containerCommand(container, mountsOf(folder, job), gpus),
    gpus,
    preflight: preflightOf(preflight, python),
    silence: SILENCE_S,
  }
}

function preflightOf(preflight: SlurmPool['preflight'], python: string): BatchFile['preflight'] {
  const check = { disk: FREE_BYTES, skew: SKEW_S, patience: PATIENCE_S }
  if (preflight === 'off') return { kind: 'off' }
  if (preflight === 'nodes') return { kind: 'nodes', ...check }
  const [word = '', ...words] = preflight.ranks
  return { kind: 'ranks', ...check, command: [word === 'python' ? python : word, ...words] }
}
