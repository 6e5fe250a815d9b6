import { z } from 'zod'
import { concurrently } from './concurrently.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

const Pin = z.object({ jobs: z.array(z.string()), /** Unix milliseconds. */ at: z.number() })

/** Keeps the artifacts of these jobs from being collected, until the run lets go of them. Replaces what it pinned before. */
export const pin = (store: Store, run: string, jobs: string[]): Promise<void> =>
  store.put(layout.pin(run), toJson({ jobs, at: Date.now() }))

export const unpin = (store: Store, run: string): Promise<void> => store.delete(layout.pin(run))

/** Keys of jobs by the run that pins them. */
export async function listPins(store: Store): Promise<Map<string, string[]>> {
  const names = (await store.children(layout.pins)).filter((name) => name.endsWith('.json'))
  const found = await concurrently(names, async (name): Promise<[string, string[]][]> => {
    const pinned = await readJson(store, `${layout.pins}/${name}`, Pin)
    return pinned ? [[name.slice(0, -'.json'.length), pinned.jobs]] : [] // unpinned meanwhile
  })
  return new Map(found.flat())
}
