/**
 * What it means when a command of Slurm's fails.
 * - silent: Slurm didn't hear it
 * - unsure: nobody knows whether Slurm heard it
 * - busy: it would be taken at another time
 * - refused: it will never be taken as it is
 */
export type FailureKind = 'silent' | 'unsure' | 'busy' | 'refused'

const kinds: [RegExp, FailureKind][] = [
  [/Unable to contact slurm controller|Connection refused|connect failure/i, 'silent'],
  [/Unable to process configuration|s_p_parse_file|Could not establish a configuration source/i, 'silent'],
  [/Munge encode failed|munged|authentication (error|failed)|Protocol version/i, 'silent'],
  [/Zero Bytes were transmitted|backup (slurm )?controller|standby mode/i, 'silent'],
  [/timed out|Unexpected message received|Transport endpoint/i, 'unsure'],
  [/(Assoc|QOS|Max)\w*SubmitJob|job submit limit|too many jobs|temporarily unable|Resource temporarily/i, 'busy'],
  [/job queue is full|MaxJobCount|Slurm backlog/i, 'busy'],
]

export function failureKind(stderr: string): FailureKind {
  return kinds.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'refused'
}

/** What to do about a refusal, beside what Slurm says. */
const advice: [RegExp, string][] = [
  [
    /invalid partition|partition.*not available|group not permitted to use this partition/i,
    '`sinfo -s` lists partitions',
  ],
  [/invalid account/i, '`sacctmgr show assoc user=$USER format=account,partition,qos` lists accounts'],
  [/invalid qos/i, '`sacctmgr show assoc user=$USER format=account,qos` lists what you may use'],
  [/time limit/i, 'ask for less in resources.time, or in time of the pool; `sinfo -o "%P %l"` lists limits'],
  [/reservation/i, '`scontrol show reservation` lists reservations'],
  [/feature/i, '`sinfo -o "%N %f"` lists the features that constraint can name'],
  [/generic resource|gres/i, '`sinfo -o "%N %G"` lists the GPUs of the nodes'],
  [/memory/i, '`sinfo -o "%N %m"` lists the memory of the nodes, in MiB'],
  [/node configuration|node count|processors requested/i, '`sinfo -o "%P %D %c %m %G"` lists what partitions have'],
  [/unrecognized option|unknown option|invalid option/i, 'see `extra` of the pool, and `sbatch --help`'],
]

/** The sentences of a failed command, without its name in front of each. */
export function saidBy(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^\w+: (error: )?/, '').trim())
  return [...new Set(lines.filter((line) => line && !/^Try "/.test(line)))].join('; ')
}

export function refusalOf(stderr: string): string {
  const what = advice.find(([pattern]) => pattern.test(stderr))?.[1]
  return `Slurm refuses it: ${saidBy(stderr) || 'without a word'}${what === undefined ? '' : ` (${what})`}`
}
