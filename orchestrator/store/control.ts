import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import { limits } from './limits.ts'
import type { Store } from './store.ts'

const Owner = z.object({ stateDir: z.string(), host: z.string(), pid: z.int() })
/** A control plane, as others are told of it. */
export type Owner = z.infer<typeof Owner>

const Claim = Owner.extend({ epoch: z.int(), nonce: z.string(), /** Unix milliseconds. */ at: z.number() })
type Claim = z.infer<typeof Claim>

const Heartbeat = z.object({ state: z.enum(['alive', 'released']), at: z.number() })

/** Ownership of a store by one control plane, from an epoch on until another takes a higher one. */
export type Control = {
  readonly epoch: number
  /** Whether nobody has taken a higher epoch: to be asked before each claim of a fence. */
  stillOwner(): Promise<boolean>
  /** Stops the heartbeat and lets the next control plane in at once. */
  release(): Promise<void>
}

/**
 * Takes the next epoch of a store. The same state directory takes it at once: its lock says that the one before is gone.
 * Another one only if the owner has released the store, or been silent for 15 s; else STORE_OWNED, with its name.
 * Both times compared are the store's own, so that the hosts' clocks need not agree.
 *
 * `beatFailed` hears of heartbeats that could not be written; `stillOwner` is what decides.
 */
export async function takeControl(store: Store, owner: Owner, beatFailed: (error: unknown) => void): Promise<Control> {
  const nonce = randomUUID()
  for (;;) {
    const before = await newestEpoch(store)
    if (before > 0) await mayFollow(store, before, owner)
    const epoch = before + 1
    const claim: Claim = { ...owner, epoch, nonce, at: Date.now() }
    const answer = await store.create(layout.epoch(epoch), toJson(claim))
    const mine = answer === 'created' || (await readJson(store, layout.epoch(epoch), Claim))?.nonce === nonce
    if (mine) return hold(store, epoch, beatFailed)
  }
}

/** Who took an epoch; null if nobody has. */
export async function ownerOf(store: Store, epoch: number): Promise<Owner | null> {
  return readJson(store, layout.epoch(epoch), Claim)
}

/** Epochs are taken one after the other and never deleted, so there is no gap to be misled by. */
async function newestEpoch(store: Store): Promise<number> {
  const names = await store.children(layout.control)
  return Math.max(0, ...names.flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : [])))
}

async function mayFollow(store: Store, epoch: number, owner: Owner): Promise<void> {
  const claim = await readJson(store, layout.epoch(epoch), Claim)
  if (claim === null || (claim.stateDir === owner.stateDir && claim.host === owner.host)) return
  const beat = await readJson(store, layout.heartbeat(epoch), Heartbeat)
  if (beat?.state === 'released') return
  const silence = (await storeTime(store)) - (await lastSeen(store, epoch))
  if (silence > limits.silence) return
  throw new OrchestrateError(
    'STORE_OWNED',
    `${store.url} belongs to the control plane of ${claim.stateDir} on ${claim.host} (pid ${claim.pid}), seen ${Math.max(0, Math.round(silence / 1000))} s ago`,
  )
}

/** A claim counts as its first heartbeat. */
async function lastSeen(store: Store, epoch: number): Promise<number> {
  const seen = (await store.head(layout.heartbeat(epoch))) ?? (await store.head(layout.epoch(epoch)))
  return seen?.modified ?? 0
}

/** Unix milliseconds by the store's own clock. */
export async function storeTime(store: Store): Promise<number> {
  const key = `${layout.control}/time-${randomUUID()}`
  await store.put(key, '')
  const now = (await store.head(key))?.modified ?? 0
  await store.delete(key)
  return now
}

async function hold(store: Store, epoch: number, beatFailed: (error: unknown) => void): Promise<Control> {
  const beat = (state: 'alive' | 'released') => store.put(layout.heartbeat(epoch), toJson({ state, at: Date.now() }))
  await beat('alive')
  let beating: Promise<void> = Promise.resolve()
  let idle = true
  const timer = setInterval(() => {
    if (!idle) return // one at a time: a slow store is not helped by a queue of heartbeats
    idle = false
    beating = beat('alive')
      .catch(beatFailed)
      .finally(() => {
        idle = true
      })
  }, limits.beat)
  timer.unref()
  return {
    epoch,
    stillOwner: async () => (await store.head(layout.epoch(epoch + 1))) === null,
    release: async () => {
      clearInterval(timer)
      await beating
      await beat('released')
    },
  }
}
