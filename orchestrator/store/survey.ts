import type { z } from 'zod'
import { Artifact, CheckpointManifest } from '../protocol/manifest.ts'
import { concurrently } from './concurrently.ts'
import { FenceClaim } from './fences.ts'
import { readJson } from './json.ts'
import { layout } from './layout.ts'
import { type PlaceInJob, placeInJob } from './place-in-job.ts'
import type { ObjectInfo, Store } from './store.ts'
import { Verdict } from './verdict.ts'

/** Some objects, added up. */
export type Amount = { objects: number; bytes: number /** The newest of them, by the store's clock. */; newest: number }

export type FoundCheckpoint = Amount & {
  step: number
  /** Key of its manifest, whether or not there is one. */
  key: string
  manifest: CheckpointManifest | null
  verdict: Verdict | null
}

/** What an attempt has left in the store. */
export type FoundAttempt = {
  shard: number
  fence: number
  /** By step. */
  checkpoints: FoundCheckpoint[]
  outputs: (Amount & { /** Whether `outputs.json` is there: they are whole. */ listed: boolean }) | null
  logs: Amount | null
}

export type FoundClaim = {
  shard: number
  fence: number /** Manifest that its attempt was told to resume from. */
  told: string | null
}

/** All that the store has of a job; attempts and claims by shard, then by fence. */
export type Survey = {
  job: string
  artifact: (Amount & { fences: number[] }) | null
  claims: FoundClaim[]
  attempts: FoundAttempt[]
}

/** Reads a small object; one that may remember it, for as long as it stays as it was. */
export type Reader = <S extends z.ZodType>(info: ObjectInfo, shape: S) => Promise<z.infer<S> | null>

/** A reader that remembers: manifests and claims never change, and are looked at again and again. */
export function rememberingReader(store: Store, atMost = 20_000): Reader {
  const known = new Map<string, { modified: number; value: unknown }>()
  return async (info, shape) => {
    const before = known.get(info.key)
    if (before?.modified === info.modified) return before.value as z.infer<typeof shape>
    const value = await readJson(store, info.key, shape)
    if (known.size >= atMost) known.clear()
    known.set(info.key, { modified: info.modified, value })
    return value
  }
}

/** The jobs of which the store has anything. */
export async function listJobs(store: Store): Promise<string[]> {
  const names = await store.children(layout.jobs)
  return names.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1))
}

type Placed<P extends PlaceInJob = PlaceInJob> = { info: ObjectInfo; place: P }
type OfAttempt = Exclude<PlaceInJob, { part: 'artifact' | 'claim' }>

/** Looks at all that the store has of a job. What is written meanwhile may or may not be seen. */
export async function survey(store: Store, job: string, read: Reader = rememberingReader(store)): Promise<Survey> {
  const placed: Placed[] = []
  for await (const info of store.list(layout.job(job))) {
    const place = placeInJob(info.key.slice(layout.job(job).length + 1))
    if (place !== null) placed.push({ info, place })
  }
  const pointer = placed.find(({ place }) => place.part === 'artifact')?.info
  const artifact = pointer ? await read(pointer, Artifact) : null
  const claims = await concurrently(placed, async ({ info, place }): Promise<FoundClaim[]> => {
    const claim = place.part === 'claim' ? await read(info, FenceClaim) : null
    return place.part === 'claim' && claim ? [{ shard: place.shard, fence: place.fence, told: claim.parent }] : []
  })
  const groups = Map.groupBy(placed.filter(isOfAttempt), ({ place }) => `${place.shard}/${place.fence}`)
  const attempts = await concurrently(groups.values(), (group) => attemptOf(job, group, read))
  return {
    job,
    artifact: pointer && artifact ? { ...amountOf([pointer]), fences: artifact.fences } : null,
    claims: claims.flat().sort(byFence),
    attempts: attempts.flat().sort(byFence),
  }
}

type At = { shard: number; fence: number }
const byFence = (a: At, b: At) => a.shard - b.shard || a.fence - b.fence

const isOfAttempt = (placed: Placed): placed is Placed<OfAttempt> =>
  placed.place.part !== 'artifact' && placed.place.part !== 'claim'

async function attemptOf(job: string, group: Placed<OfAttempt>[], read: Reader): Promise<FoundAttempt[]> {
  const first = group[0]
  if (first === undefined) return []
  const { shard, fence } = first.place
  const inPart = (...parts: OfAttempt['part'][]) => group.filter(({ place }) => parts.includes(place.part))
  const outputs = inPart('outputs', 'outputs list')
  const logs = inPart('logs')
  const steps = Map.groupBy(group, ({ place }) => (place.part === 'checkpoint' ? place.step : null))
  const checkpoints = await concurrently(steps, async ([step, files]): Promise<FoundCheckpoint[]> => {
    if (step === null) return []
    const inFolder = (name: string) => files.find(({ place }) => 'file' in place && place.file === name)?.info
    const manifest = inFolder('manifest.json')
    const verdict = inFolder('verified.json')
    return [
      {
        step,
        key: layout.manifest(job, shard, fence, step),
        manifest: manifest ? await read(manifest, CheckpointManifest) : null,
        verdict: verdict ? await read(verdict, Verdict) : null,
        ...amountOf(files.map(({ info }) => info)),
      },
    ]
  })
  return [
    {
      shard,
      fence,
      checkpoints: checkpoints.flat().sort((a, b) => a.step - b.step),
      outputs:
        outputs.length === 0
          ? null
          : { ...amountOf(outputs.map(({ info }) => info)), listed: inPart('outputs list').length > 0 },
      logs: logs.length === 0 ? null : amountOf(logs.map(({ info }) => info)),
    },
  ]
}

const amountOf = (infos: ObjectInfo[]): Amount => ({
  objects: infos.length,
  bytes: infos.reduce((sum, { size }) => sum + size, 0),
  newest: Math.max(...infos.map(({ modified }) => modified)),
})
