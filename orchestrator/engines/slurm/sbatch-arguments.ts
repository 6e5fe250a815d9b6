import type { SlurmPool } from './slurm-pool.ts'

/** What an attempt needs, on each of its nodes but for `nodes` and `time`. Equal needs may share a job array. */
export type Needs = {
  nodes: number
  cores: number
  gpus: number
  /** Bytes, or null. */
  memory: number | null
  /** Seconds, or null. */
  time: number | null
  /** Nodes that it must not be placed on. */
  avoid: string[]
}

export type Submission = {
  /** Of the job, or of the array. */
  name: string
  /** Whose jobs these are: the same name could be given by another control plane. */
  comment: string
  /** File for what the batch step prints; `%a` is the task of an array. */
  output: string
  /** Tasks of an array, counted from 0; null for a job of its own. */
  tasks: number | null
}

const MIB = 2 ** 20

/** Options of sbatch; the script comes by standard input. Its own come first: what a pool adds wins. */
export function sbatchArguments(pool: SlurmPool, needs: Needs, { name, comment, output, tasks }: Submission): string[] {
  const time = needs.time ?? pool.time
  return [
    '--parsable',
    `--job-name=${name}`,
    `--comment=${comment}`,
    // Every restart is a new attempt with a new fence: Slurm must not make one itself.
    '--no-requeue',
    // Of the environment of sbatch, which is given next to nothing. NONE would start a login shell on the node first.
    '--export=ALL',
    '--open-mode=append',
    `--output=${output}`,
    `--nodes=${needs.nodes}`,
    // One launcher a node; it starts the ranks.
    '--ntasks-per-node=1',
    `--cpus-per-task=${needs.cores}`,
    ...(needs.gpus > 0 ? [pool.gpus.replaceAll('{n}', String(needs.gpus))] : []),
    ...(needs.memory === null ? [] : [`--mem=${Math.ceil(needs.memory / MIB)}M`]),
    ...(time === null ? [] : [`--time=${minutes(time)}`]),
    // Whatever limit it runs into, its own, its partition's or its reservation's: a checkpoint is there by then.
    `--signal=B:USR1@${Math.ceil(pool.warn)}`,
    ...option('partition', pool.partition),
    ...option('account', pool.account),
    ...option('qos', pool.qos),
    ...option('reservation', pool.reservation),
    ...option('constraint', pool.constraint),
    ...(pool.exclusive ? ['--exclusive'] : []),
    ...(needs.avoid.length > 0 ? [`--exclude=${needs.avoid.toSorted().join(',')}`] : []),
    ...(tasks === null ? [] : [`--array=0-${tasks - 1}`]),
    ...pool.extra,
  ]
}

const option = (name: string, value: string | null): string[] => (value === null ? [] : [`--${name}=${value}`])

/** Slurm counts in minutes: never less than was asked for. */
const minutes = (seconds: number): number => Math.max(1, Math.ceil(seconds / 60))

/** The script that sbatch is given. Which attempt a task of an array is stands in a file with a line for each. */
export function batchScript({
  python,
  launcher,
  attempt,
}: {
  python: string
  launcher: string
  attempt: { directory: string } | { list: string }
}): string {
  const [find, directory] =
    'directory' in attempt
      ? ['', quote(attempt.directory)]
      : [`dir=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" ${quote(attempt.list)})\n`, '"$dir"']
  // -I and -S: neither the user's environment nor the worker's packages have a say.
  return `#!/bin/sh\n${find}exec ${quote(python)} -I -S ${quote(launcher)} batch ${directory}\n`
}

/** For a shell that follows POSIX. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
