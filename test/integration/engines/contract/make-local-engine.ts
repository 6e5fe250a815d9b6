import { LocalEngine } from '../../../../orchestrator/engines/local/local.ts'
import { prepared } from '../../../../orchestrator/engines/prepare/prepare.ts'

export const makeEngine = (options: { stateDir: string; python: string }) =>
  new LocalEngine({ ...options, prepare: prepared, log: { warn: console.error } })
