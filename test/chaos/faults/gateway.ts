import { setTimeout as pause } from 'node:timers/promises'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { between, type Fault, now } from '../fault.ts'
import { serves } from '../recovery.ts'

export const gatewayKilled: Fault = {
  about: 'the S3 server: kill -9, and started again up to 3 s later',
  missing: ({ gateway }) => (gateway ? null : 'its store is no S3'),
  strike: async (strike) => {
    const { gateway } = strike.world
    if (!gateway) return null
    const at = now()
    sendSignal(await gateway.gateway(), 'SIGKILL')
    const recovered = serves(strike)
    recovered.catch(() => {}) // awaited below, by whoever struck
    await pause(between(0, 3000, strike.dice), undefined, { signal: strike.signal }).finally(gateway.again)
    return { at, recovered }
  },
}
