import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import { Heartbeat, holdControl } from './hold-control.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

const Owner = z.object({ stateDir: z.string(), host: z.string(), pid: z.int() })
/** A control plane, as others are told of it. */
export type Owner = z.infer<typeof Owner>

const Claim = Owner.extend({ epoch: z.int(), nonce: z.string(), /** Unix milliseconds. */ at: z.number() })
type Claim = z.infer<typeof Claim>

/** Ownership of a store by one control plane, from an epoch on until another takes a higher one. */
export type Control = {
  readonly epoch: number
  /** Whether nobody has taken a higher epoch: to be asked before each claim of a fence. */
  stillOwner(): Promise<boolean>
  /**
   * To be asked before whatever else changes what the store keeps: throws CONTROL_LOST, or STORE_* where it can't be
   * known. Asks nobody as long as a heartbeat is so young that no other control plane may have followed.
   */
  ensure(): Promise<void>
  /** To be asked before anything is done: the same for a process that may have been frozen, and else only what is known. */
  awake(): Promise<void>
  /** Stops the heartbeat and lets the next control plane in at once. */
  release(): Promise<void>
}

export type Told = {
  /** How each heartbeat went: why it could not be written, or null. */
  beat: (error: unknown) => void
  /** Once: another control plane has taken a higher epoch. */
  lost: () => void
}

/**
 * Takes the next epoch of a store. The same state directory takes it at once: its lock says that the one before is gone.
 * Another one only if the owner has released the store, or been silent for 15 s; else STORE_OWNED, with its name.
 * Both times compared are the store's own, so that the hosts' clocks need not agree.
 */
export async function takeControl(store: Store, owner: Owner, told: Told): Promise<Control> {
  const nonce = randomUUID()
  for (;;) {
    const before = await newestEpoch(store)
    if (before > 0) await mayFollow(store, before, owner)
    const epoch = before + 1
    const claim: Claim = { ...owner, epoch, nonce, at: Date.now() }
    const answer = await store.create(layout.epoch(epoch), toJson(claim))
    const mine = answer === 'created' || (await readJson(store, layout.epoch(epoch), Claim))?.nonce === nonce
    if (mine) return holdControl(store, epoch, told)
  }
}

/**
 * Resolves when there is reason to think that `takeControl` will not be refused: for one who waits behind the owner,
 * however long that takes. `follows` is told whom it waits for, once for each. Cheap: the owner's silence is measured
 * here, by this process's own clock.
 */
export async function untilFree(store: Store, owner: Owner, follows: (owner: Owner) => void): Promise<void> {
  let told = 0
  let last = { beat: '', at: performance.now() }
  for (;;) {
    const epoch = await newestEpoch(store)
    const claim = await readJson(store, layout.epoch(epoch), Claim)
    if (claim === null || isSame(claim, owner)) return
    if (told !== epoch) follows(claim)
    told = epoch
    const beat = await readJson(store, layout.heartbeat(epoch), Heartbeat)
    if (beat?.state === 'released') return
    const seen = `${epoch} ${beat?.at}`
    if (seen !== last.beat) last = { beat: seen, at: performance.now() }
    if (performance.now() - last.at > limits.control.silence + limits.control.storeClock) return
    await pause(limits.control.follow)
  }
}

const isSame = (a: Owner, b: Owner): boolean => a.stateDir === b.stateDir && a.host === b.host

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
  if (claim === null || isSame(claim, owner)) return
  const beat = await readJson(store, layout.heartbeat(epoch), Heartbeat)
  if (beat?.state === 'released') return
  const silence = (await storeTime(store)) - (await lastSeen(store, epoch))
  if (silence > limits.control.silence) return
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
