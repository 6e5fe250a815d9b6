import type { Artifact } from '../protocol/manifest.ts'
import { checkedArtifact } from '../store/artifacts.ts'
import { concurrently } from '../store/concurrently.ts'
import { pin } from '../store/pins.ts'
import type { Context } from './conduct/context.ts'

/**
 * Pins jobs for a run, and finds the artifacts that it can lean on from then on, by the jobs' keys: what the collector is
 * about to delete is not among them, nor what is not whole any more, and has to be made again. A job that the ledger has as
 * done, but not the store, is told so.
 */
export async function relyOn(context: Context, run: string, jobs: string[]): Promise<Map<string, Artifact>> {
  const { store, collector } = context
  await pin(store, run, jobs)
  await collector.settle(jobs)
  const found = await concurrently(jobs, async (key) => {
    const checked = await checkedArtifact(store, key)
    if (checked?.problems.length === 0) return [[key, checked.artifact] as const]
    if (checked) await giveUp(context, checked)
    else await tellLost(context, key, 'its artifact is no longer in the store')
    return []
  })
  return new Map(found.flat())
}

/** Takes the pointer away first: an attempt that succeeds would find it, and take what is broken for its own. */
async function giveUp(context: Context, { artifact, problems }: Checked): Promise<void> {
  const { job, stage, fences } = artifact
  context.log.warn({ job, stage, problems }, 'a cached artifact is not whole: its job runs again')
  await context.collector.discard(job, fences)
  await tellLost(context, job, `its artifact is not whole: ${problems[0]}`)
}

type Checked = NonNullable<Awaited<ReturnType<typeof checkedArtifact>>>

async function tellLost({ aggregates }: Context, key: string, reason: string): Promise<void> {
  await aggregates.updateJob(key, (job) => (job?.phase === 'succeeded' ? [{ type: 'job.lost', reason }] : []))
}
