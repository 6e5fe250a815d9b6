import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { Artifact } from '../../protocol/manifest.ts'
import type { MetricValue } from '../../protocol/worker-event.ts'
import { attemptOf, type Job } from '../../run/job.ts'
import { collectOutputs, publishArtifact } from '../../store/artifacts.ts'
import type { Context } from './context.ts'

/** Takes the outputs of an attempt that ended well into the store, hashed, their list last. */
export async function collect(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const log = await context.logs.get(attempt.attempt)
  const summary = log.done?.summary ?? [...log.artifacts.values()].filter((text) => text !== null).join(', ')
  try {
    await collectOutputs(context.store, {
      directory: context.engine(job.planned.pool).directory(attempt.attempt),
      prefix: `jobs/${job.key}/s${shard}/${fence}`,
      outputs: job.planned.outputs,
      metrics: log.done?.metrics ?? {},
      summary: summary || null,
      device: log.hello?.device ?? null,
    })
  } catch (cause) {
    if (!(cause instanceof OrchestrateError) || cause.exit !== 2) throw cause // the store's trouble: tried again
    const error = { code: cause.code, message: cause.message, hint: cause.hint, attempt: attempt.attempt }
    await context.aggregates.updateJob(job.key, (now) =>
      now?.shards[shard]?.fence === fence
        ? [
            {
              type: 'attempt.exited',
              shard,
              fence,
              outcome: { kind: 'misused', error },
              step: attempt.step,
              reached: attempt.reached,
            },
          ]
        : [],
    )
    return
  }
  await context.aggregates.updateJob(job.key, (now) => {
    const state = now?.shards[shard]
    return state?.state === 'exited' && state.fence === fence ? [{ type: 'shard.committed', shard, fence }] : []
  })
  faultPoint('shard-committed')
}

/** What another look won't mend. */
const HOPELESS: ReadonlySet<string> = new Set(['OUTPUT_CONFLICT', 'OUTPUT_INVALID', 'FENCE_LOST', 'OBJECT_MISSING'])

/** All shards are there: the artifact's pointer is written, and the job is done. */
export async function publish(context: Context, job: Job): Promise<void> {
  const fences = job.shards.map((shard) => shard.fence)
  const seconds = job.attempts.reduce(
    (sum, attempt) => sum + ((attempt.endedAt ?? attempt.placedAt) - attempt.placedAt) / 1000,
    0,
  )
  const { key } = job
  const { stage, resources } = job.planned
  let artifact: Artifact
  try {
    artifact = await publishArtifact(context.store, { job: key, stage, fences, world: resources.ranks, seconds })
  } catch (cause) {
    if (!(cause instanceof OrchestrateError) || !HOPELESS.has(cause.code)) throw cause // the store's trouble: tried again
    const error = { code: cause.code, message: cause.message, hint: cause.hint }
    await context.aggregates.updateJob(key, (now) => (now?.phase === 'open' ? [{ type: 'job.failed', error }] : []))
    return
  }
  await context.aggregates.updateJob(job.key, (now) => {
    const metrics: Record<string, MetricValue> = artifact.metrics
    return now?.phase === 'open'
      ? [{ type: 'job.succeeded', found: false, metrics, summary: artifact.summary, seconds: artifact.seconds }]
      : []
  })
  faultPoint('success-recorded')
}
