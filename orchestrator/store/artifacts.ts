import { join } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { Artifact } from '../protocol/manifest.ts'
import { concurrently } from './concurrently.ts'
import { lastFence } from './fences.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import { coversArtifact, readMark } from './marks.ts'
import { Collected, mergeShards } from './merge-shards.ts'
import { listOutput } from './output-files.ts'
import type { Store } from './store.ts'

export type Finished = Pick<Collected, 'metrics' | 'summary' | 'device'> & {
  /** The attempt's directory, with `outputs/<name>/` in it. */
  directory: string
  /** The attempt's place in the store. */
  prefix: string
  outputs: Record<string, { format: string | null }>
}

/**
 * Takes the outputs of an attempt into the store, hashed, and their list last. Doing it again changes nothing.
 * Every output is looked at before the first is written. The files become read-only where a store links them.
 */
export async function collectOutputs(store: Store, finished: Finished): Promise<Collected> {
  const { directory, prefix, metrics, summary, device } = finished
  const list = layout.outputs(prefix)
  const before = await readJson(store, list, Collected)
  if (before) return before

  const names = Object.keys(finished.outputs)
  const listed = await concurrently(names, (name) => listOutput(join(directory, 'outputs', name), name))
  const files = names.flatMap((name, index) =>
    (listed[index] ?? []).map((path) => ({ name, path, key: keyOf(prefix, name, path) })),
  )
  const stored = await concurrently(files, async ({ name, path, key }) => {
    const digest = await store.putFile(key, join(directory, 'outputs', name, path))
    return { name, file: { path, ...digest, key } }
  })

  faultPoint('outputs-collected')
  const outputs: Collected['outputs'] = {}
  for (const [name, { format }] of Object.entries(finished.outputs)) outputs[name] = { format, files: [] }
  for (const { name, file } of stored) outputs[name]?.files.push(file)
  const collected: Collected = { protocol: 1, outputs, metrics, summary, device }
  const answer = await store.create(list, toJson(collected))
  faultPoint('outputs-listed')
  if (answer === 'created') return collected
  return (await readJson(store, list, Collected)) ?? collected
}

function keyOf(prefix: string, name: string, path: string): string {
  try {
    return layout.output(prefix, name, path)
  } catch (error) {
    throw new OrchestrateError(
      'OUTPUT_INVALID',
      `output ${name}: ${JSON.stringify(path)} is a name that no store can keep`,
      {
        cause: error,
      },
    )
  }
}

export type Publication = Pick<Artifact, 'job' | 'stage' | 'fences' | 'world' | 'seconds'>

/** Writes the pointer that makes a job done, from what its shards collected. The first one stays; it is what is returned. */
export async function publishArtifact(store: Store, publication: Publication): Promise<Artifact> {
  const { job, stage, fences, world, seconds } = publication
  const before = await readArtifact(store, job)
  if (before) return before
  const shards = await concurrently(fences.entries(), async ([shard, fence]) => {
    const newest = await lastFence(store, job, shard)
    if (newest > fence)
      throw new OrchestrateError(
        'FENCE_LOST',
        `job ${job.slice(0, 7)} shard ${shard}: fence ${fence} was replaced by ${newest}`,
      )
    const key = layout.outputs(layout.attempt(job, shard, fence))
    const collected = await readJson(store, key, Collected)
    if (collected === null) throw new OrchestrateError('OBJECT_MISSING', `${store.url}/${key} is not there`)
    return collected
  })
  const artifact = {
    protocol: 1,
    job,
    stage,
    fences,
    ...mergeShards(shards),
    world,
    createdAt: Date.now(),
    seconds,
  } as const
  const answer = await store.create(layout.artifact(job), toJson(artifact))
  faultPoint('artifact-published')
  if (answer === 'created') return artifact
  return (await readArtifact(store, job)) ?? artifact
}

/** A job's artifact, or null while it has none. */
export const readArtifact = (store: Store, job: string): Promise<Artifact | null> =>
  readJson(store, layout.artifact(job), Artifact)

/**
 * A job's artifact, for a reader who has pinned the job: null also while it is marked for deletion, since what is marked
 * counts as gone. The mark is looked for first: a pointer read before might be that of what has been deleted since.
 */
export async function availableArtifact(store: Store, job: string): Promise<Artifact | null> {
  const mark = await readMark(store, job)
  const artifact = await readArtifact(store, job)
  return artifact && mark && coversArtifact(mark, artifact.fences) ? null : artifact
}

/** What is wrong with an artifact's files: missing, of another size, or (by `content`) of another hash. Empty: nothing. */
export async function verifyArtifact(store: Store, artifact: Artifact, by: 'size' | 'content'): Promise<string[]> {
  const files = Object.values(artifact.outputs).flatMap((output) => output.files)
  const problems = await concurrently(files, async ({ key, size, sha256 }) => {
    const found = by === 'size' ? await store.head(key) : await store.digest(key)
    if (found === null) return [`${key} is not there`]
    if (found.size !== size) return [`${key} has ${found.size} bytes, expected ${size}`]
    return 'sha256' in found && found.sha256 !== sha256 ? [`${key} has another content than when it was published`] : []
  })
  return problems.flat()
}

/** Up to so many bytes an artifact is read through before it is trusted. What is larger is hashed where it is staged. */
const READ_THROUGH = 16 * 1024 ** 2

/**
 * A job's artifact for a reader who has pinned the job, as availableArtifact has it, and what is wrong with its files. One
 * with problems must not be used: its job has to run again.
 */
export async function checkedArtifact(
  store: Store,
  job: string,
): Promise<{ artifact: Artifact; problems: string[] } | null> {
  const artifact = await availableArtifact(store, job)
  if (artifact === null) return null
  const files = Object.values(artifact.outputs).flatMap((output) => output.files)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  return { artifact, problems: await verifyArtifact(store, artifact, bytes <= READ_THROUGH ? 'content' : 'size') }
}
