import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { socketPath } from '../../../orchestrator/ledger/socket-path.ts'
import { between, type Fault, now } from '../fault.ts'
import { serves } from '../recovery.ts'
import type { World } from '../world.ts'

export const redisKilled: Fault = {
  about: 'Redis: kill -9',
  strike: async (strike) => {
    const pid = await strike.world.redis()
    if (pid === null) return null
    const at = now()
    sendSignal(pid, 'SIGKILL')
    return { at, recovered: serves(strike) }
  },
}

export const redisEmptied: Fault = {
  about: 'Redis: kill -9, and all its files gone',
  strike: async (strike) => {
    const { world } = strike
    const pid = await world.redis()
    if (pid === null) return null
    const at = now()
    sendSignal(pid, 'SIGSTOP') // so that it is not started again before its files are gone
    await rm(join(world.state, 'redis/appendonlydir'), { recursive: true, force: true })
    sendSignal(pid, 'SIGKILL')
    return { at, recovered: serves(strike) }
  },
}

export const redisFrozen: Fault = {
  about: 'Redis: SIGSTOP, and SIGCONT 0.5 to 4 s later',
  strike: async (strike) => {
    const { world, dice, signal } = strike
    const pid = await world.redis()
    if (pid === null) return null
    const at = now()
    sendSignal(pid, 'SIGSTOP')
    const recovered = serves(strike)
    recovered.catch(() => {}) // awaited below, by whoever struck
    await pause(between(500, 4000, dice), undefined, { signal }).finally(() => sendSignal(pid, 'SIGCONT'))
    return { at, recovered }
  },
}

/** Refuses to write what would need memory, as it does when a neighbour has taken it all. */
export const redisFull: Fault = {
  about: 'Redis: out of memory for 0.5 to 4 s',
  strike: async (strike) => {
    const { world, dice, signal } = strike
    const at = now()
    await tell(world, 'CONFIG SET maxmemory 1000000')
    const recovered = serves(strike)
    recovered.catch(() => {}) // awaited below, by whoever struck
    await pause(between(500, 4000, dice), undefined, { signal }).finally(() => tell(world, 'CONFIG SET maxmemory 0'))
    return { at, recovered }
  },
}

/** Resolves when Redis has answered. */
async function tell(world: World, command: string): Promise<void> {
  const connection = createConnection(socketPath(world.state, 'redis/redis.sock'))
  connection.write(`${command}\r\n`)
  await once(connection, 'data')
  connection.destroy()
}
