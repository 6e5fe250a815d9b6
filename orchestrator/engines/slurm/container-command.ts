import { fileURLToPath } from 'node:url'
import type { JobFile } from '../../protocol/job-file.ts'
import type { SlurmContainer } from './slurm-pool.ts'

/** What a container adds to `srun OPTIONS… PREFIX… launcher`. */
export type ContainerCommand = { srun: string[]; prefix: string[] }

/**
 * Starts the launcher of each node in a container. What job.json names is there at the same place, so that every path in
 * it holds inside too; of the rest of the host only what is mounted, and no home directory.
 */
export function containerCommand(
  container: SlurmContainer | null,
  needed: readonly string[],
  gpus: number,
): ContainerCommand {
  if (container === null) return { srun: [], prefix: [] }
  const mounts = [...needed, ...container.mounts]
  switch (container.kind) {
    case 'pyxis': // https://github.com/NVIDIA/pyxis/wiki/Usage: GPUs come by enroot's own hook
      return {
        srun: [
          `--container-image=${container.image}`,
          `--container-mounts=${mounts.join(',')}`,
          '--no-container-mount-home',
          '--no-container-remap-root',
          ...container.extra,
        ],
        prefix: [],
      }
    case 'apptainer': // not --contain: its /tmp and /dev/shm have room for 64 MiB by default
      return {
        srun: [],
        prefix: [
          'apptainer',
          'exec',
          ...(gpus > 0 ? ['--nv'] : []),
          '--no-home',
          ...mounts.map((mount) => `--bind=${mount}`),
          ...container.extra,
          container.image,
        ],
      }
    default:
      return container.kind satisfies never
  }
}

/** What an attempt has to see of the shared file system: the pool's directory, a store that is a folder, and its data. */
export function mountsOf(directory: string, job: Pick<JobFile, 'inputs' | 'store'>): string[] {
  const staged = Object.values(job.inputs).flatMap((input) => (input !== null && 'path' in input ? [input.path] : []))
  const store = job.store.url.startsWith('file:') ? [fileURLToPath(job.store.url)] : []
  const outside = (path: string) => path !== directory && !path.startsWith(`${directory}/`)
  return [
    ...[directory, ...store.filter(outside)].map((path) => `${path}:${path}`),
    ...[...new Set(staged.filter(outside))].map((path) => `${path}:${path}:ro`),
  ]
}
