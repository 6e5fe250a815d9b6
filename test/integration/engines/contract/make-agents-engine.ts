import { AgentsEngine } from '../../../../orchestrator/engines/agents/agents-engine.ts'
import type { Engine, Launch } from '../../../../orchestrator/engines/engine.ts'
import { Capacity } from '../../../../orchestrator/ledger/capacity.ts'
import { connectRedis, type RedisLink } from '../../../../orchestrator/ledger/connect-redis.ts'
import { log } from './log.ts'

export type AgentsGround = { stateDir: string; socket: string; namespace: string }

/** For pool `lab`. What the control plane does before a launch is done by the launch here: it reserves `need`. */
export class PlacingEngine extends AgentsEngine {
  readonly #capacity: Capacity
  readonly #need: { cores: number; gpus: number }

  constructor(stateDir: string, redis: RedisLink, need = { cores: 1, gpus: 0 }) {
    super({
      pool: 'lab',
      stateDir,
      redis,
      capacity: new Capacity(redis),
      silence: 3_600_000,
      needed: () => true,
      touched: () => {},
      hostsChanged: async () => {},
      log: { ...log, info: () => {}, error: log.warn },
    })
    this.#need = need
    this.#capacity = new Capacity(redis)
  }

  override async launch(launch: Launch): Promise<void> {
    await this.#capacity.reserve('lab', launch.job.attempt, this.#need)
    return super.launch(launch)
  }
}

/** For a process that launches and is killed. */
export const makeEngine = ({ stateDir, socket, namespace }: AgentsGround): Pick<Engine, 'launch'> => ({
  launch: async (launch) => new PlacingEngine(stateDir, await connectRedis(socket, namespace)).launch(launch),
})
