import { z } from 'zod'
import { concurrently } from './concurrently.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

const Pin = z.object({ jobs: z.array(z.string()), /** Unix milliseconds. */ at: z.number() })
export type Pin = z.infer<typeof Pin>

/** Keeps the artifacts of these jobs from being collected, until the run lets go of them. Replaces what it pinned before. */
export const pin = (store: Store, run: string, jobs: string[]): Promise<void> =>
  store.put(layout.pin(run), toJson({ jobs, at: Date.now() }))

export const unpin = (store: Store, run: string): Promise<void> => store.delete(layout.pin(run))

/** What is pinned, by the run that pins it. */
export async function listPins(store: Store): Promise<Map<string, Pin>> {
  const names = (await store.children(layout.pins)).filter((name) => name.endsWith('.json'))
  const found = await concurrently(names, async (name): Promise<[string, Pin][]> => {
    const pinned = await readJson(store, `${layout.pins}/${name}`, Pin)
    return pinned ? [[name.slice(0, -'.json'.length), pinned]] : [] // unpinned meanwhile
  })
  return new Map(found.flat())
}
