import type { Attempt, Job } from '../../run/job.ts'
import type { Context } from '../conduct/context.ts'

const SHOWN = 5

/** The last things that a job's workers warned of, in the current attempt of each shard and in the one before it. */
export async function warningsOf(context: Context, job: Job): Promise<string[]> {
  const shards = new Map<number, Attempt[]>()
  for (const attempt of job.attempts)
    if (!attempt.revoked) shards.set(attempt.shard, [...(shards.get(attempt.shard) ?? []), attempt].slice(-2))
  const logs = await Promise.all([...shards.values()].flat().map((attempt) => context.logs.get(attempt.attempt)))
  return [...new Set(logs.flatMap((log) => log.warnings))].slice(-SHOWN)
}
