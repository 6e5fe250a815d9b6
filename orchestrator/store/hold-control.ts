import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Control, Told } from './control.ts'
import { toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

export const Heartbeat = z.object({ state: z.enum(['alive', 'released']), at: z.number() })

/**
 * Shows that the owner of an epoch lives, and notices when another has taken the next. A process that was frozen, or on
 * a machine that slept, finds out that its last heartbeat is old before it does anything: until then nobody followed, or
 * somebody may have.
 */
export async function holdControl(store: Store, epoch: number, told: Told): Promise<Control> {
  let isLost = false
  let tried = Date.now()
  let held = 0
  let beating: Promise<void> | null = null

  const write = (state: 'alive' | 'released') => store.put(layout.heartbeat(epoch), toJson({ state, at: Date.now() }))
  const stillOwner = async (): Promise<boolean> => {
    if ((await store.head(layout.epoch(epoch + 1))) === null) return true
    if (!isLost) told.lost()
    isLost = true
    return false
  }
  /** Beats first and looks afterwards: whoever follows later has seen this beat, whoever did before is seen. */
  const beat = async (): Promise<void> => {
    tried = Date.now()
    const now = tried
    await write('alive')
    if (await stillOwner()) held = now
  }
  /** One at a time: a slow store is not helped by a queue of heartbeats. */
  const beatOnce = (): Promise<void> => {
    beating ??= beat()
      .then(
        () => told.beat(null),
        (error: unknown) => {
          told.beat(error)
          throw error
        },
      )
      .finally(() => {
        beating = null
      })
    return beating
  }
  const isOld = (time: number): boolean => Math.abs(Date.now() - time) > limits.control.lease
  const throwIfLost = (): void => {
    if (isLost) throw new OrchestrateError('CONTROL_LOST', `${store.url} belongs to another control plane now`)
  }

  await beat()
  const timer = setInterval(() => beatOnce().catch(() => {}), limits.control.beat)
  timer.unref()
  return {
    epoch,
    stillOwner,
    ensure: async () => {
      if (!isLost && isOld(held)) await beatOnce()
      throwIfLost()
    },
    awake: async () => {
      if (!isLost && isOld(tried)) await beatOnce().catch(() => {})
      throwIfLost()
    },
    release: async () => {
      clearInterval(timer)
      await beating?.catch(() => {})
      if (!isLost) await write('released')
    },
  }
}
