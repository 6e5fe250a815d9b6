import type { PoolOf } from '../../../spec/pools/pool.ts'
import { absent, aptInstall, type Check, missing, ok } from '../check.ts'
import { askSlurm, slurmVersion } from './ask-slurm.ts'
import { findProgram } from './find-program.ts'
import { sharedFolderCheck } from './shared-folder-check.ts'

const commands = ['sbatch', 'squeue', 'scancel', 'scontrol']

/** Slurm's commands, whether its controller answers, and what each pool asks of it. Nothing is submitted. */
export async function slurmChecks(pools: PoolOf<'slurm'>[]): Promise<Check[]> {
  const found = await Promise.all(commands.map(async (program) => ((await findProgram(program)) ? [] : [program])))
  const lacking = found.flat().join(', ')
  if (pools.length === 0) return [await couldSubmit(lacking)]
  if (lacking === '') return (await Promise.all(pools.map(poolChecks))).flat()
  return pools.map(({ name }) => missing(`pool ${name}`, `not installed: ${lacking}`, aptInstall('slurm-client')))
}

async function couldSubmit(lacking: string): Promise<Check> {
  const name = 'Slurm'
  if (lacking !== '') return absent(name, `no pool needs it; not installed: ${lacking}`, aptInstall('slurm-client'))
  const ping = await askSlurm('scontrol', ['ping'])
  if (ping.failed) return absent(name, `no pool needs it; no controller answers: ${ping.said}`)
  return ok(name, `${await slurmVersion()}, and its controller answers; no pool uses it yet`)
}

async function poolChecks(pool: PoolOf<'slurm'>): Promise<Check[]> {
  const { name, conf, directory } = pool
  const ping = await askSlurm('scontrol', ['ping'], conf)
  const folder = await sharedFolderCheck(`pool ${name}, directory`, directory)
  if (ping.failed) {
    const line = `${conf ? `SLURM_CONF=${conf} ` : ''}scontrol ping   # conf: in pools.yaml names another cluster`
    return [missing(`pool ${name}`, `no controller answers: ${ping.said}`, line), folder]
  }
  const answers = ok(`pool ${name}`, `${await slurmVersion(conf)}, and its controller answers`)
  return [answers, folder, ...(await Promise.all([submitCheck(pool), memoryCheck(pool)]))]
}

/** What sbatch would say to the pool's partition, account and so on; it submits nothing. */
async function submitCheck({
  name,
  conf,
  partition,
  account,
  qos,
  reservation,
  constraint,
  extra = [],
}: PoolOf<'slurm'>) {
  const named = Object.entries({ partition, account, qos, reservation, constraint })
  const options = [...named.flatMap(([option, value]) => (value ? [`--${option}=${value}`] : [])), ...extra]
  const answer = await askSlurm('sbatch', ['--test-only', '--time=1', ...options, '--wrap=true'], conf)
  const title = `pool ${name}, jobs`
  if (!answer.failed) return ok(title, `a job${options.length > 0 ? ` with ${options.join(' ')}` : ''} would be taken`)
  return missing(
    title,
    answer.said,
    `sbatch --test-only --time=1 ${options.join(' ')} --wrap=true   # until it is taken`,
  )
}

/** How long Slurm knows of a job that has ended: an answer for those that died without a word. */
async function memoryCheck({ name, conf }: PoolOf<'slurm'>): Promise<Check> {
  const { said } = await askSlurm('scontrol', ['show', 'config'], conf)
  const value = (key: string): string => new RegExp(`^${key}\\s*=\\s*(.*)$`, 'm').exec(said)?.[1]?.trim() ?? 'unknown'
  const forgets = `ended jobs are forgotten after ${value('MinJobAge')}`
  const title = `pool ${name}, records`
  if (!value('AccountingStorageType').endsWith('/none'))
    return ok(title, `accounting is on (${value('AccountingStorageType')}); ${forgets}`)
  const kept = value('JobCompType').endsWith('/none')
    ? 'nothing is kept of them'
    : `then ${value('JobCompType')} has them`
  return ok(title, `accounting is off; ${forgets}, ${kept}: attempts leave records of their own`)
}
