import { isOver } from '../../run/job.ts'
import { concurrently } from '../../store/concurrently.ts'
import { type FenceClaim, readClaims } from '../../store/fences.ts'
import type { NewJobEvent } from '../aggregates.ts'
import type { Context } from './context.ts'
import { readJobFile } from './read-job-file.ts'

type Newest = { fence: number; claim: FenceClaim }

/**
 * Compares the fences claimed in the store with those in the ledger. A claim that the ledger doesn't know belongs to an
 * attempt whose placement got lost with Redis; it may run, so it is taken up again, as it was launched. A claim that was
 * never launched from here needs nothing: the next placement takes a higher fence.
 */
export async function adoptAttempts(context: Context): Promise<{ fences: number; adopted: number }> {
  const found = { fences: 0, adopted: 0 }
  const shards = [...context.aggregates.jobs.values()]
    .filter((job) => !isOver(job))
    .flatMap((job) => job.shards.map((_, shard) => ({ key: job.key, shard })))
  await concurrently(shards, async ({ key, shard }) => {
    const claims = await readClaims(context.store, key, shard)
    found.fences += claims.length
    const newest = claims.at(-1)
    if (newest && (await adopt(context, key, shard, newest))) found.adopted += 1
  })
  return found
}

async function adopt(context: Context, key: string, shard: number, { fence, claim }: Newest): Promise<boolean> {
  const job = context.aggregates.jobs.get(key)
  if (!job || (job.shards[shard]?.fence ?? 0) >= fence) return false
  const { attempt, host } = claim
  const file = await readJobFile(context, job.planned.pool, attempt)
  if (file === null) return false
  context.log.warn({ job: key, attempt, host }, 'the placement of an attempt had got lost; it is taken up again')
  const { cores, gpus, resume } = file
  let placed = false
  await context.aggregates.updateJob(key, (now): NewJobEvent[] => {
    placed = now !== null && !isOver(now) && (now.shards[shard]?.fence ?? 0) < fence
    if (!placed) return []
    const ready = now?.phase === 'waiting' ? [{ type: 'job.ready' } as const] : []
    return [...ready, { type: 'attempt.placed', shard, fence, attempt, host, cores, gpus, resume }]
  })
  return placed
}
