import { z } from 'zod'
import { concurrently } from './concurrently.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

/** The placement of an attempt, as it was claimed. Claims are never changed and never deleted while their job lives. */
export const FenceClaim = z.object({
  attempt: z.string(),
  /** Of the control plane that placed it. */
  epoch: z.int().optional(),
  /** Told apart by this, one's own claim that a retry met again is no lost race. */
  nonce: z.string(),
  host: z.string(),
  /** Store key of the manifest that it was told to resume from: what ties the lineage together. */
  parent: z.string().nullable(),
  /** Unix milliseconds. */
  at: z.number(),
})
export type FenceClaim = z.infer<typeof FenceClaim>

/** The fences claimed so far for a shard, ascending. */
export async function listFences(store: Store, job: string, shard: number): Promise<number[]> {
  const names = await store.children(layout.fences(job, shard))
  return names
    .flatMap((name) => (/^[1-9]\d*\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b)
}

/** The newest fence claimed for a shard, or 0. */
export async function lastFence(store: Store, job: string, shard: number): Promise<number> {
  return (await listFences(store, job, shard)).at(-1) ?? 0
}

/** Claims one fence for one placement: true for whoever came first, also if its answer got lost and it asks again. */
export async function claimFence(
  store: Store,
  job: string,
  shard: number,
  fence: number,
  claim: FenceClaim,
): Promise<boolean> {
  const key = layout.fence(job, shard, fence)
  if ((await store.create(key, toJson(claim))) === 'created') return true
  return (await readJson(store, key, FenceClaim))?.nonce === claim.nonce
}

/** All claims of a shard, ascending. */
export async function readClaims(
  store: Store,
  job: string,
  shard: number,
): Promise<{ fence: number; claim: FenceClaim }[]> {
  const found = await concurrently(await listFences(store, job, shard), async (fence) => {
    const claim = await readJson(store, layout.fence(job, shard, fence), FenceClaim)
    return claim ? [{ fence, claim }] : []
  })
  return found.flat()
}
