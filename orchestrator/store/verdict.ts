import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { verifyCheckpoint } from './checkpoints.ts'
import { toJson } from './json.ts'
import type { Store } from './store.ts'

/** `verified.json` beside a manifest: what reading all its files through has shown. */
export const Verdict = z.strictObject({ /** Unix milliseconds. */ at: z.number(), problems: z.array(z.string()) })
export type Verdict = z.infer<typeof Verdict>

/** Reads a checkpoint's files through, and writes down what was found beside it. */
export async function giveVerdict(store: Store, manifest: string): Promise<Verdict> {
  const problems = await verifyCheckpoint(store, manifest)
  // Collected in between, it is not broken but gone, and nothing may be written where it was.
  if ((await store.head(manifest)) === null)
    throw new OrchestrateError('OBJECT_MISSING', `${store.url}/${manifest} is not there`)
  const verdict = { at: Date.now(), problems }
  await store.put(manifest.replace(/manifest\.json$/, 'verified.json'), toJson(verdict))
  return verdict
}
