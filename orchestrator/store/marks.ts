import { z } from 'zod'
import { concurrently } from './concurrently.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import { placeOf } from './lineage.ts'
import type { Store } from './store.ts'

const attempt = { job: z.string(), shard: z.int().min(0), fence: z.int().min(1) }

/** What garbage collection deletes as one. */
export const Subject = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('checkpoint'),
    ...attempt,
    step: z.int().min(0),
    /** Whether it had a manifest when it was marked: if it has none any more, its deletion has begun. */
    committed: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('outputs'), ...attempt }),
  z.strictObject({ kind: z.literal('logs'), ...attempt }),
  /** The pointer, and all outputs and checkpoints of the fences up to these, by shard. Fences that come later are not meant. */
  z.strictObject({ kind: z.literal('artifact'), job: z.string(), upTo: z.array(z.int().min(0)) }),
])
export type Subject = z.infer<typeof Subject>

/** What it is, why it goes, and how much that is. */
export const Garbage = z.strictObject({ subject: Subject, why: z.string(), objects: z.int(), bytes: z.number() })
export type Garbage = z.infer<typeof Garbage>

/** Garbage that was marked, and when: Unix milliseconds by the store's clock. */
export type Mark = Garbage & { markedAt: number }

/** A name for what is meant: marking it twice makes one mark. */
export const nameOf = (subject: Subject): string => {
  switch (subject.kind) {
    case 'artifact':
      return 'artifact'
    case 'checkpoint':
      return `s${subject.shard}.${subject.fence}.checkpoint.${subject.step}`
    case 'outputs':
    case 'logs':
      return `s${subject.shard}.${subject.fence}.${subject.kind}`
  }
}

const keyOf = (subject: Subject): string => layout.mark(subject.job, nameOf(subject))

/**
 * Marks garbage for deletion in a later pass. Whoever leans on something pins it first and looks for a mark then: what
 * is marked counts as gone. So whatever was pinned before the mark was looked for is there to stay.
 */
export async function mark(store: Store, garbage: Garbage): Promise<void> {
  await store.create(keyOf(garbage.subject), toJson(garbage))
}

/** Takes a mark away: what it was for is needed after all, or is deleted. */
export const unmark = (store: Store, subject: Subject): Promise<void> => store.delete(keyOf(subject))

/** All marks, or those of one job. */
export async function listMarks(store: Store, job?: string): Promise<Mark[]> {
  const found: { key: string; modified: number }[] = []
  for await (const info of store.list(job === undefined ? layout.marks : layout.marksOf(job))) found.push(info)
  const marks = await concurrently(found, async ({ key, modified }) => {
    const garbage = await readJson(store, key, Garbage)
    return garbage === null ? [] : [{ ...garbage, markedAt: modified }]
  })
  return marks.flat()
}

/** The mark of a job's artifact, or null. */
export const readMark = (store: Store, job: string): Promise<Garbage | null> =>
  readJson(store, layout.mark(job, 'artifact'), Garbage)

/** Whether a mark stands for an artifact that these fences made. One that was made later is another. */
export const coversArtifact = ({ subject }: Pick<Garbage, 'subject'>, fences: readonly number[]): boolean =>
  subject.kind === 'artifact' && fences.every((fence, shard) => fence <= (subject.upTo[shard] ?? 0))

/**
 * Those of a shard's manifests that are there to stay, in their order. To be asked once it is written down that an attempt
 * may resume from them: from then on, what has no mark and is there will not be deleted.
 */
export async function availableManifests(
  store: Store,
  job: string,
  shard: number,
  manifests: readonly string[],
): Promise<string[]> {
  if (manifests.length === 0) return []
  const marks = await listMarks(store, job)
  const unmarked = manifests.filter((key) => !marks.some((mark) => coversManifest(mark, shard, key)))
  const there = await concurrently(unmarked, async (key) => ((await store.head(key)) ? [key] : []))
  return there.flat()
}

/** Whether a mark of its job stands for a shard's checkpoint. */
export function coversManifest({ subject }: Pick<Garbage, 'subject'>, shard: number, manifest: string): boolean {
  const place = placeOf(manifest)
  if (place === null) return false
  if (subject.kind === 'artifact') return place.fence <= (subject.upTo[shard] ?? 0)
  return (
    subject.kind === 'checkpoint' &&
    subject.shard === shard &&
    subject.fence === place.fence &&
    subject.step === place.step
  )
}
