import { LocalEngine } from '../../../../orchestrator/engines/local/local.ts'

export const makeEngine = (options: { stateDir: string; python: string }) =>
  new LocalEngine({ ...options, log: { warn: console.error } })
