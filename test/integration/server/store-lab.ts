import { createHash, randomUUID } from 'node:crypto'
import { OrchestrateError } from '../../../orchestrator/errors.ts'
import type { Options, Tools } from '../../../orchestrator/server/gc/collector.ts'
import type { JobNeeds } from '../../../orchestrator/server/gc/needs.ts'
import { publishArtifact } from '../../../orchestrator/store/artifacts.ts'
import { resumeOrder } from '../../../orchestrator/store/checkpoints.ts'
import { claimFence, lastFence } from '../../../orchestrator/store/fences.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import type { Store } from '../../../orchestrator/store/store.ts'

export const jobKey = (n: number): string => createHash('sha256').update(`job ${n}`).digest('hex')
const sha256 = (body: string): string => createHash('sha256').update(body).digest('hex')

/** Nothing is too young, and what is marked goes with the next pass. */
export const atOnce: Options = { ages: { leftovers: 0, artifacts: 0, logs: 0 }, grace: 0 }

export const idleNeeds = (): JobNeeds => ({
  keep: { last: 2, every: null, best: null },
  wanted: false,
  usedAt: 0,
  stage: 'train',
  attempts: [],
})

/** Only pins, and what `needs` says, keep anything from being collected. */
export const toolsFor = (store: Store, needs: Tools['needs']): Tools => ({
  store,
  control: { stillOwner: async () => true },
  needs,
  counts: () => true,
})

/** Places an attempt as the control plane does; `told` is what it may resume from. */
export async function place(store: Store, job: string): Promise<{ fence: number; told: string[] }> {
  for (;;) {
    const fence = (await lastFence(store, job, 0)) + 1
    const told = await resumeOrder(store, job, 0)
    const claim = { attempt: `a-${fence}`, nonce: randomUUID(), host: 'here', parent: told[0] ?? null, at: 0 }
    if (await claimFence(store, job, 0, fence, claim)) return { fence, told }
  }
}

/** Saves a checkpoint as a worker does: its files, then its manifest. Returns the manifest's key. */
export async function commit(
  store: Store,
  job: string,
  fence: number,
  step: number,
  parent: string | null = null,
): Promise<string> {
  const folder = await saveParts(store, job, fence, step)
  const body = weights(fence, step)
  const files = ['rank-0.bin', 'rank-1.bin'].map((path) => ({ path, size: body.length, sha256: sha256(body) }))
  const rest = { world: 2, files, cursor: null, metrics: { loss: 1 / step }, versions: {}, createdAt: step }
  await store.create(
    `${folder}/manifest.json`,
    JSON.stringify({ protocol: 1, job, shard: 0, fence, step, parent, ...rest }),
  )
  return `${folder}/manifest.json`
}

/** The files of a checkpoint that has no manifest yet. */
export async function saveParts(store: Store, job: string, fence: number, step: number): Promise<string> {
  const folder = `${layout.checkpoints(job, 0, fence)}/${step}`
  await Promise.all([0, 1].map((rank) => store.put(`${folder}/rank-${rank}.bin`, weights(fence, step))))
  return folder
}

const weights = (fence: number, step: number): string => `weights of fence ${fence}, step ${step}`

/** Makes a job's artifact under a new fence, and publishes it unless another came first. */
export async function make(store: Store, job: string): Promise<void> {
  const { fence } = await place(store, job)
  const prefix = layout.attempt(job, 0, fence)
  const body = `model of fence ${fence}`
  const files = ['config.json', 'weights.bin'].map((path) => ({
    path,
    size: body.length,
    sha256: sha256(body),
    key: layout.output(prefix, 'model', path),
  }))
  for (const { key } of files) await store.put(key, body)
  const rest = { metrics: {}, summary: null, device: null }
  await store.create(
    layout.outputs(prefix),
    JSON.stringify({ protocol: 1, outputs: { model: { format: null, files } }, ...rest }),
  )
  try {
    await publishArtifact(store, { job, stage: 'train', fences: [fence], world: 1, seconds: 1 })
  } catch (error) {
    if (!(error instanceof OrchestrateError) || error.code !== 'FENCE_LOST') throw error // another makes it too
  }
}

/** The same numbers for the same seed. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
