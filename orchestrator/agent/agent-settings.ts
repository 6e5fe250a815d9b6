import { hostname } from 'node:os'
import { OrchestrateError } from '../errors.ts'
import { readSettings, type Settings } from '../server/settings.ts'

/** What an agent is told from outside. */
export type AgentSettings = Pick<Settings, 'stateDir' | 'store' | 'python' | 'cores' | 'cache' | 'streamCache'> & {
  pool: string
  /** Name of this host in its pool. */
  host: string
  redisUrl: string
}

export function readAgentSettings(
  env: NodeJS.ProcessEnv,
  options: { pool: string; name?: string; state?: string },
): AgentSettings {
  const state = options.state || env.ORCHESTRATE_STATE || '.orchestrate-agent'
  const { stateDir, store, python, cores, cache, streamCache, redisUrl } = readSettings(env, { state })
  const host = options.name ?? hostname()
  if (!/^[\w.-]{1,100}$/.test(host))
    throw new OrchestrateError('ARGUMENT_INVALID', `--name ${host}: expected letters, digits, dots, dashes`)
  if (redisUrl === null)
    throw new OrchestrateError('AGENT_UNCONNECTED', 'REDIS_URL is not set: an agent is told what to do through it')
  if (!env.ORCHESTRATE_STORE)
    throw new OrchestrateError(
      'AGENT_UNCONNECTED',
      'ORCHESTRATE_STORE is not set: an agent takes code and inputs from the store, and brings outputs there',
    )
  return { pool: options.pool, host, stateDir, store, python, cores, cache, streamCache, redisUrl }
}
