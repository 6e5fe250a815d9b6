import type { PoolOf } from '../../spec/pools/pool.ts'
import { parseDuration } from '../../spec/units.ts'

/** How a container is started on each node, where the pool asks for one. */
export type SlurmContainer = {
  /** pyxis: enroot by options of srun; apptainer: a command in front of the launcher. */
  kind: 'pyxis' | 'apptainer'
  /** `registry#image:tag` or a .sqsh file for pyxis; a .sif file or docker:// address for Apptainer. */
  image: string
  /** `/from:/to` or `/from:/to:ro`, besides the pool's directory. */
  mounts: string[]
  /** More options of srun, or of `apptainer exec`. */
  extra: string[]
}

/** A Slurm pool with everything that its file leaves out filled in. */
export type SlurmPool = {
  name: string
  /** On the file system that the cluster's nodes and this host share. */
  directory: string
  /** Interpreter on the nodes. */
  python: string
  /** SLURM_CONF, or null where Slurm finds its own. */
  conf: string | null
  /** Most jobs that are submitted at once. */
  jobs: number
  partition: string | null
  account: string | null
  qos: string | null
  reservation: string | null
  constraint: string | null
  exclusive: boolean
  /** How GPUs are asked for, with `{n}` for how many of each node. */
  gpus: string
  /** Time limit of jobs that name none, in seconds; null: the partition's. */
  time: number | null
  /** More options of sbatch; they win over the others. */
  extra: string[]
  container: SlurmContainer | null
  /** Check before each gang; `ranks`: with a command that each of them runs first. */
  preflight: 'nodes' | 'off' | { ranks: string[] }
  /** Seconds before its time limit at which an attempt is asked to save. */
  warn: number
  /** Seconds between two looks at the cluster's queue. */
  poll: number
}

/** `python`: of this host, for nodes that have the same. */
export function slurmPool(pool: PoolOf<'slurm'>, { python }: { python: string }): SlurmPool {
  const { container } = pool
  const seconds = (text: string | undefined) => (text === undefined ? null : parseDuration(text))
  return {
    name: pool.name,
    directory: pool.directory,
    python: pool.python ?? python,
    conf: pool.conf ?? process.env.SLURM_CONF ?? null,
    jobs: pool.jobs ?? 500,
    partition: pool.partition ?? null,
    account: pool.account ?? null,
    qos: pool.qos ?? null,
    reservation: pool.reservation ?? null,
    constraint: pool.constraint ?? null,
    exclusive: pool.exclusive ?? false,
    gpus: pool.gpus ?? '--gpus-per-node={n}',
    time: seconds(pool.time),
    extra: pool.extra ?? [],
    container: container ? { ...container, mounts: container.mounts ?? [], extra: container.extra ?? [] } : null,
    preflight: pool.preflight ?? 'nodes',
    warn: seconds(pool.warn) ?? 120,
    poll: seconds(pool.poll) ?? 10,
  }
}
