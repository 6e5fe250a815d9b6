import { OrchestrateError } from '../errors.ts'
import { CheckpointManifest } from '../protocol/manifest.ts'
import { concurrently } from './concurrently.ts'
import { type FenceClaim, readClaims } from './fences.ts'
import { readJson } from './json.ts'
import { layout } from './layout.ts'
import { type FenceHistory, lineage } from './lineage.ts'
import type { Store } from './store.ts'

export type Checkpoint = { key: string; manifest: CheckpointManifest }

/**
 * Keys of manifests that a new attempt of the shard may resume from, best first; empty: start from nothing. A damaged
 * manifest keeps its place: the attempt finds out, says so, and goes on to the one before it. `known`: the claims, where
 * they were read already.
 */
export async function resumeOrder(
  store: Store,
  job: string,
  shard: number,
  known?: { fence: number; claim: FenceClaim }[],
): Promise<string[]> {
  const claims = known ?? (await readClaims(store, job, shard))
  const history = await concurrently(claims, async ({ fence, claim }): Promise<FenceHistory> => {
    const found = await checkpointsOf(store, job, shard, fence)
    // An attempt resumes once, so all that it commits has the same parent.
    const parent = found.find(({ manifest }) => manifest !== null)?.manifest?.parent ?? null
    return { fence, told: claim.parent, manifests: found.map(({ key, step }) => ({ key, step, parent })) }
  })
  return lineage(history)
}

/** Every committed checkpoint of a shard whose manifest can be read, whether or not it may still be resumed from: by fence, then by step. */
export async function listCheckpoints(store: Store, job: string, shard: number): Promise<Checkpoint[]> {
  const names = await store.children(layout.shard(job, shard))
  const fences = names.flatMap((name) => (/^\d+\/$/.test(name) ? [Number.parseInt(name, 10)] : []))
  const found = await concurrently(
    fences.sort((a, b) => a - b),
    (fence) => checkpointsOf(store, job, shard, fence),
  )
  return found.flat().flatMap(({ key, manifest }) => (manifest ? [{ key, manifest }] : []))
}

/** What is wrong with a checkpoint: its files are read through and hashed. Empty: nothing. */
export async function verifyCheckpoint(store: Store, key: string): Promise<string[]> {
  const manifest = await readJson(store, key, CheckpointManifest)
  if (manifest === null) return [`${key} is not there`]
  const folder = key.slice(0, -'/manifest.json'.length)
  const problems = await concurrently(manifest.files, async ({ path, size, sha256 }) => {
    const found = await store.digest(`${folder}/${path}`)
    if (found === null) return [`${folder}/${path} is not there`]
    if (found.size !== size) return [`${folder}/${path} has ${found.size} bytes, expected ${size}`]
    return found.sha256 === sha256 ? [] : [`${folder}/${path} has another content than when it was committed`]
  })
  return problems.flat()
}

type Found = { key: string; step: number /** Null: damaged. */; manifest: CheckpointManifest | null }

/** The committed checkpoints of one attempt, by step. A folder without a manifest is none. */
async function checkpointsOf(store: Store, job: string, shard: number, fence: number): Promise<Found[]> {
  const folder = layout.checkpoints(job, shard, fence)
  const steps = (await store.children(folder)).filter((name) => /^\d+\/$/.test(name))
  const found = await concurrently(steps, async (name): Promise<Found[]> => {
    const key = `${folder}/${name}manifest.json`
    const step = Number.parseInt(name, 10)
    try {
      const manifest = await readJson(store, key, CheckpointManifest)
      return manifest ? [{ key, step, manifest }] : []
    } catch (error) {
      if (!(error instanceof OrchestrateError && error.code === 'STORE_CORRUPT')) throw error
      return [{ key, step, manifest: null }]
    }
  })
  return found.flat().sort((a, b) => a.step - b.step)
}
