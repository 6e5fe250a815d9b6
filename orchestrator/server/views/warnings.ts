import { badNodes } from '../../run/bad-nodes.ts'
import type { Attempt, Job } from '../../run/job.ts'
import type { Context } from '../conduct/context.ts'

const SHOWN = 5

/** What a job's places have done to it, then the last things that its workers warned of, in the current attempt of each shard and in the one before it. */
export async function warningsOf(context: Context, job: Job): Promise<string[]> {
  const shards = new Map<number, Attempt[]>()
  for (const attempt of job.attempts)
    if (!attempt.revoked) shards.set(attempt.shard, [...(shards.get(attempt.shard) ?? []), attempt].slice(-2))
  const logs = await Promise.all([...shards.values()].flat().map((attempt) => context.logs.get(attempt.attempt)))
  const said = [...new Set(logs.flatMap((log) => log.warnings))].slice(-SHOWN)
  return [...avoidedNodes(context, job), ...said]
}

function avoidedNodes({ aggregates }: Context, job: Job): string[] {
  if (!job.attempts.some(({ outcome }) => outcome?.kind === 'nodeLost' && outcome.nodes?.length)) return []
  return [...badNodes(aggregates.index.bereft.values(), job.planned.pool, job.endedAt ?? Date.now())].map(
    ([node, times]) => `node ${node} is avoided: ${times} attempts were lost on it within a day`,
  )
}
