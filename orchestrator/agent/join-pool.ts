import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import type { AgentFacts, AgentHosts } from '../ledger/agents/agent-hosts.ts'
import { limits } from '../limits.ts'
import { knownIncarnation, newIncarnation } from './incarnation.ts'

export type Joining = {
  hosts: AgentHosts
  pool: string
  host: string
  stateDir: string
  facts: AgentFacts
  log: Logger
  /** Ends what an incarnation that counts as lost has left here. */
  abandon(): Promise<void>
}

/** Joins as the incarnation that this state directory has, or, where that counts as lost, as a new one. Returns which. */
export async function joinPool({ hosts, pool, host, stateDir, facts, log, abandon }: Joining): Promise<string> {
  const inherited = await knownIncarnation(stateDir, pool, host)
  if (inherited !== null) {
    if ((await hosts.join(host, inherited, facts)) === 'joined') return inherited
    log.warn({ host }, 'this host was declared lost, and what it ran placed again; it is ended here')
  }
  await abandon()
  const incarnation = await newIncarnation(stateDir, pool, host)
  const deadline = Date.now() + limits.agents.taken
  while ((await hosts.join(host, incarnation, facts)) !== 'joined') {
    if (Date.now() > deadline)
      throw new OrchestrateError('AGENT_NAME_TAKEN', `another agent is host ${host} of pool ${pool}, and lives`)
    await pause(limits.agents.beat)
  }
  return incarnation
}
