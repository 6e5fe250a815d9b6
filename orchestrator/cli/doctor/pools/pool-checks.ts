import { configuredPools } from '../../../server/pools/configured-pools.ts'
import type { Settings } from '../../../server/settings.ts'
import type { Pool, PoolOf } from '../../../spec/pools/pool.ts'
import { type Check, missing, ok } from '../check.ts'
import { agentsChecks } from './agents-checks.ts'
import { containerChecks } from './container-checks.ts'
import { localCheck } from './local-check.ts'
import { slurmChecks } from './slurm-checks.ts'

/** Each engine: what its pools lack; where no pool names it, whether one could. */
export async function poolChecks(settings: Settings): Promise<Check[]> {
  const pools = readPools(settings)
  if ('problem' in pools) return [pools.problem]
  const checks = await Promise.all([
    localCheck(),
    containerChecks(of(pools.list, 'container')),
    slurmChecks(of(pools.list, 'slurm')),
    agentsChecks(of(pools.list, 'agents'), settings),
  ])
  return [...pools.checks, ...checks.flat()]
}

function readPools(settings: Settings): { list: Pool[]; checks: Check[] } | { problem: Check } {
  try {
    const list = configuredPools(settings.pools)
    const named = list.filter(({ engine }) => engine !== 'local')
    return {
      list,
      checks: named.length === 0 ? [] : [ok('pools.yaml', `${settings.pools.path}: ${namesOf(named)}`)],
    }
  } catch (error) {
    const { message } = error as Error
    return { problem: missing('pools.yaml', message, 'orchestrate schema --pools   # what may stand in it') }
  }
}

const of = <Engine extends Pool['engine']>(pools: Pool[], engine: Engine) =>
  pools.filter((pool): pool is PoolOf<Engine> => pool.engine === engine)

const namesOf = (pools: Pool[]): string => pools.map(({ name, engine }) => `${name} (${engine})`).join(', ')
