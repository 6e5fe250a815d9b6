import { execa } from 'execa'

export type SlurmAnswer = { failed: boolean /** All that it said; its last line where it failed. */; said: string }

/** A command of Slurm's that changes nothing, of the cluster that `conf` names. It is given ten seconds. */
export async function askSlurm(program: string, args: string[], conf?: string): Promise<SlurmAnswer> {
  const env = conf === undefined ? {} : { SLURM_CONF: conf }
  const options = { env, reject: false, all: true, stdin: 'ignore', timeout: 10_000, killSignal: 'SIGKILL' } as const
  const { failed, all, timedOut } = await execa(program, args, options)
  if (timedOut) return { failed: true, said: `${program} had no answer within ten seconds` }
  // `scontrol ping` ends well where the controller is known to be down.
  const down = program === 'scontrol' && args[0] === 'ping' && !/\bUP\b/.test(all ?? '')
  if (!failed && !down) return { failed: false, said: all ?? '' }
  return { failed: true, said: (all ?? '').trim().split('\n').at(-1) || 'it said nothing' }
}

export async function slurmVersion(conf?: string): Promise<string> {
  const { failed, said } = await askSlurm('sbatch', ['--version'], conf)
  return failed ? 'Slurm' : said.trim()
}
