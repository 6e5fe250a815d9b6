import type { Artifact } from '../protocol/manifest.ts'
import { availableArtifact } from '../store/artifacts.ts'
import { concurrently } from '../store/concurrently.ts'
import { pin } from '../store/pins.ts'
import type { Context } from './conduct/context.ts'

/**
 * Pins jobs for a run, and finds the artifacts that it can lean on from then on, by the jobs' keys: what the collector is
 * about to delete is not among them, and has to be made again. A job that the ledger has as done, but not the store, is
 * told so.
 */
export async function relyOn(context: Context, run: string, jobs: string[]): Promise<Map<string, Artifact>> {
  const { store, collector, aggregates } = context
  await pin(store, run, jobs)
  await collector.settle(jobs)
  const found = await concurrently(jobs, async (key) => {
    const artifact = await availableArtifact(store, key)
    if (artifact) return [[key, artifact] as const]
    await aggregates.updateJob(key, (job) =>
      job?.phase === 'succeeded' ? [{ type: 'job.lost', reason: 'its artifact is no longer in the store' }] : [],
    )
    return []
  })
  return new Map(found.flat())
}
