import { homedir, userInfo } from 'node:os'
import { execa } from 'execa'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { failureKind, refusalOf, saidBy } from './sbatch-errors.ts'

/** Slurm didn't answer. `heard`: what was asked may have been done all the same. */
export class SlurmSilence extends OrchestrateError {
  readonly heard: boolean

  constructor(message: string, heard: boolean) {
    super('SLURM_UNREACHABLE', message)
    this.heard = heard
  }
}

type Run = { input?: string; env?: Record<string, string> }

/**
 * Runs Slurm's commands. While it doesn't answer it is left alone, longer each time: a thousand attempts that wait for
 * it must not be what keeps it down.
 */
export class SlurmCommands {
  readonly #conf: string | null
  #silent: { until: number; pause: number; why: string } | null = null

  constructor(conf: string | null) {
    this.#conf = conf
  }

  /** Standard output. Throws SlurmSilence, SLURM_BUSY, SLURM_REFUSED, SLURM_MISSING. */
  async run(program: string, args: readonly string[], { input = '', env = {} }: Run = {}): Promise<string> {
    if (this.#silent !== null && Date.now() < this.#silent.until) throw new SlurmSilence(this.#silent.why, false)
    const result = await execa(program, [...args], {
      input,
      env: { ...this.#environment(), ...env },
      extendEnv: false, // least of all SBATCH_… and SLURM_… of a job that the daemon itself may run in
      timeout: limits.slurm.command,
      killSignal: 'SIGKILL',
      reject: false,
      stripFinalNewline: false,
    })
    const { failed, stdout, stderr, timedOut, code } = result
    if (!failed) {
      this.#silent = null
      return stdout
    }
    if (code === 'ENOENT') throw new OrchestrateError('SLURM_MISSING', `${program} is not installed on this host`)
    const kind = timedOut ? 'unsure' : failureKind(stderr)
    switch (kind) {
      case 'silent':
      case 'unsure':
        throw this.#fellSilent(`Slurm does not answer: ${timedOut ? `${program} timed out` : saidBy(stderr)}`, kind)
      case 'busy':
        throw new OrchestrateError('SLURM_BUSY', `Slurm takes no more jobs for now: ${saidBy(stderr)}`)
      case 'refused':
        this.#silent = null
        throw new OrchestrateError('SLURM_REFUSED', refusalOf(stderr))
      default:
        return kind satisfies never
    }
  }

  #fellSilent(why: string, kind: 'silent' | 'unsure'): SlurmSilence {
    const pause = Math.min((this.#silent?.pause ?? limits.slurm.silenceFirst / 2) * 2, limits.slurm.silenceLongest)
    this.#silent = { until: Date.now() + pause, pause, why }
    return new SlurmSilence(why, kind === 'unsure')
  }

  /** Next to nothing of the daemon's own: sbatch hands it on to the job. */
  #environment(): Record<string, string> {
    const { PATH = '/usr/local/bin:/usr/bin:/bin', HOME = homedir(), LANG = 'C.UTF-8' } = process.env
    const { username } = userInfo()
    const conf = this.#conf === null ? {} : { SLURM_CONF: this.#conf }
    return { PATH, HOME, LANG, USER: username, LOGNAME: username, ...conf }
  }
}
