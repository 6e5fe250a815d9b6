import { readArtifact } from './artifacts.ts'
import { concurrently } from './concurrently.ts'
import { layout } from './layout.ts'
import { coversArtifact, type Subject, unmark } from './marks.ts'
import { placeInJob } from './place-in-job.ts'
import type { Store } from './store.ts'

/** Deleted side by side, between two looks at whether this is still the one to delete. */
const BATCH = 100

/**
 * Deletes what was marked: first what makes it count (pointer, manifest, list), then the files, last the mark. So whatever
 * breaks off in the middle leaves nothing that names files which are gone, and the mark tells the next pass to go on.
 *
 * @param mayDelete asked before each batch; throws where this is no longer the one to delete
 */
export async function remove(store: Store, subject: Subject, mayDelete: () => Promise<void>): Promise<void> {
  await mayDelete()
  if (subject.kind === 'artifact') {
    const artifact = await readArtifact(store, subject.job)
    if (artifact && coversArtifact({ subject }, artifact.fences)) await store.delete(layout.artifact(subject.job))
  }
  const found: string[] = []
  for await (const { key } of store.list(folderOf(subject))) if (isPartOf(subject, key)) found.push(key)
  const heads = found.filter((key) => /\/(manifest|outputs)\.json$/.test(key))
  const files = found.filter((key) => !heads.includes(key))
  for (const keys of [heads, files]) {
    for (let at = 0; at < keys.length; at += BATCH) {
      if (at > 0) await mayDelete()
      await concurrently(keys.slice(at, at + BATCH), (key) => store.delete(key))
    }
  }
  await unmark(store, subject)
}

function folderOf(subject: Subject): string {
  switch (subject.kind) {
    case 'artifact':
      return layout.job(subject.job)
    case 'checkpoint':
      return `${layout.checkpoints(subject.job, subject.shard, subject.fence)}/${subject.step}`
    case 'outputs':
      return layout.attempt(subject.job, subject.shard, subject.fence)
    case 'logs':
      return `${layout.attempt(subject.job, subject.shard, subject.fence)}/logs`
  }
}

function isPartOf(subject: Subject, key: string): boolean {
  const place = placeInJob(key.slice(layout.job(subject.job).length + 1))
  if (place === null || place.part === 'artifact' || place.part === 'claim') return false
  const isOutput = place.part === 'outputs' || place.part === 'outputs list'
  switch (subject.kind) {
    case 'artifact':
      return place.fence <= (subject.upTo[place.shard] ?? 0) && (isOutput || place.part === 'checkpoint')
    case 'checkpoint':
      return place.part === 'checkpoint'
    case 'outputs':
      return isOutput
    case 'logs':
      return place.part === 'logs'
  }
}
