import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { leftOut } from './left-out.ts'

const folder = fileURLToPath(new URL('../../infra/slurm-dev/', import.meta.url))

/** What is missing for tests against a real Slurm, in a sentence, or null. */
export function whyNoSlurm(): string | null {
  if (process.getuid?.() !== 0) return 'needs root: the daemons of the development cluster were only tried as root'
  const tools = ['/usr/bin/sbatch', '/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged']
  const missing = tools.filter((tool) => !existsSync(tool))
  return missing.length > 0
    ? `${missing.join(', ')} missing: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge`
    : null
}

/** For `describe.skipIf(skip)(title, …)`. */
export const slurmTests = (title: string) => leftOut(title, whyNoSlurm())

export type SlurmSettings = {
  nodes?: number
  cpus?: number
  gpus?: number
  /** MiB per node. */
  memory?: number
  jobcomp?: 'yes' | 'no'
  /** Seconds until an ended job is forgotten; until a silent node is down; that a requeued job waits. */
  minJobAge?: number
  silence?: number
  credExpire?: number
}

export type Slurm = {
  folder: string
  conf: string
  /** For whatever talks to this cluster. */
  env: { SLURM_CONF: string }
  /** Runs a command of Slurm's and returns its standard output. */
  run: (command: string, ...args: string[]) => Promise<string>
  /** Kills a node's daemon and all that runs there, as a power cut would: node1 … */
  lose: (node: string) => Promise<void>
  /** Starts whatever doesn't run; resolves when all nodes answer. */
  again: () => Promise<void>
  stop: () => Promise<void>
}

/** Starts a development cluster of its own; it ends with `stop`, or with this process. For `beforeAll`. */
export async function startSlurm(settings: SlurmSettings = {}): Promise<Slurm> {
  const dir = await mkdtemp(join(tmpdir(), 'slurm-'))
  const env = { ...settingsOf(settings), SLURM_DEV_UNTIL_PID: String(process.pid) }
  const stop = async () => {
    await execa(join(folder, 'down'), [dir])
    await rm(dir, { recursive: true, force: true })
  }
  const again = async () => void (await execa(join(folder, 'up'), [dir], { env }))
  try {
    await again()
  } catch (error) {
    await stop()
    throw error
  }
  const conf = join(dir, 'etc/slurm.conf')
  return {
    folder: dir,
    conf,
    env: { SLURM_CONF: conf },
    run: async (command, ...args) => (await execa(command, args, { env: { SLURM_CONF: conf } })).stdout,
    lose: async (node) => void (await execa(join(folder, 'lose'), [node, dir])),
    again,
    stop,
  }
}

function settingsOf(settings: SlurmSettings): Record<string, string> {
  const { nodes, cpus, gpus, memory, jobcomp, minJobAge, silence, credExpire } = settings
  const all = {
    NODES: nodes,
    CPUS: cpus,
    GPUS: gpus,
    MEMORY: memory,
    JOBCOMP: jobcomp,
    MIN_JOB_AGE: minJobAge,
    SILENCE: silence,
    CRED_EXPIRE: credExpire,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[`SLURM_DEV_${name}`, String(value)]])),
  )
}
