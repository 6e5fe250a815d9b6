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

export type SlurmPool = {
  name: string
  engine: 'slurm'
  /** On the file system that the cluster's nodes and this host share. */
  directory: string
  /** Interpreter on the nodes. */
  python: string
  /** SLURM_CONF, or null for the cluster that this host belongs to. */
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
  preflight: 'nodes' | 'ranks' | 'off'
  /** Seconds between two looks at the cluster's queue. */
  poll: number
}
