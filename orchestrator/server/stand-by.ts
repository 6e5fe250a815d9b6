import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type Owner, untilFree } from '../store/control.ts'
import { openStore } from '../store/open-store.ts'
import { type Daemon, startLocked } from './daemon.ts'
import { awaitStateDir } from './daemon-lock.ts'
import { makeStateDir, type Settings } from './settings.ts'

/**
 * Waits behind the control plane that has the state directory, or the store, and starts in its place when it has gone:
 * at once where it had the same state directory, after 15 s of silence where it is another's. `follows` is told, in
 * words, whom it waits for. Nothing answers over HTTP before.
 */
export async function standBy(settings: Settings, log: Logger, follows: (whom: string) => void): Promise<Daemon> {
  const { stateDir } = settings
  makeStateDir(stateDir)
  for (let waited = false; ; ) {
    const unlock = await awaitStateDir(stateDir, (pid) => follows(`the daemon${named(pid)} of ${stateDir}`))
    try {
      const store = await openStore(settings.store)
      await untilFree(store, { stateDir, host: hostname(), pid: process.pid }, (owner) => {
        waited = true
        follows(ownerInWords(owner))
      })
    } catch (error) {
      unlock()
      if (!waited || !isStoreTrouble(error)) throw error
      // The owner has the same trouble, and is still there when it is over.
      log.warn({ err: error }, 'standing by, and the store can not be looked at; trying again')
      await pause(limits.control.follow)
      continue
    }
    try {
      return await startLocked(settings, log, unlock)
    } catch (error) {
      if (!(error instanceof OrchestrateError && error.code === 'STORE_OWNED')) throw error
      log.info({ err: error }, 'another one was faster; standing by again')
    }
  }
}

const named = (pid: number | null): string => (pid === null ? '' : ` (pid ${pid})`)

const ownerInWords = ({ stateDir, host, pid }: Owner): string =>
  `the control plane of ${stateDir} on ${host}${named(pid)}`

const isStoreTrouble = (error: unknown): boolean =>
  error instanceof OrchestrateError && error.code === 'STORE_UNREACHABLE'
