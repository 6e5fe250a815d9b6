import {
  ContainerEngine,
  type ContainerEngineOptions,
} from '../../../../orchestrator/engines/container/container-engine.ts'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'

export const makeEngine = (options: Pick<ContainerEngineOptions, 'stateDir' | 'settings'>) =>
  new ContainerEngine({ ...options, prepare: prepared, log: { warn: console.error, info: () => {} } })
