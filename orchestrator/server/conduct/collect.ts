import type { Collecting } from '../../engines/engine.ts'
import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { Artifact } from '../../protocol/manifest.ts'
import type { MetricValue } from '../../protocol/worker-event.ts'
import { type Attempt, attemptOf, type Job } from '../../run/job.ts'
import type { Outcome } from '../../run/job-events.ts'
import { collectOutputs, publishArtifact } from '../../store/artifacts.ts'
import type { Context } from './context.ts'

/** Takes the outputs of an attempt that ended well into the store, hashed, their list last. */
export async function collect(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const log = await context.logs.get(attempt.attempt)
  const engine = context.engine(job.planned.pool)
  const summary = log.done?.summary ?? [...log.artifacts.values()].filter((text) => text !== null).join(', ')
  const finished: Collecting = {
    prefix: `jobs/${job.key}/s${shard}/${fence}`,
    outputs: job.planned.outputs,
    metrics: log.done?.metrics ?? {},
    summary: summary || null,
    device: log.hello?.device ?? null,
  }
  try {
    if (!engine.collect)
      await collectOutputs(context.store, { ...finished, directory: engine.directory(attempt.attempt) })
    else if ((await engine.collect(attempt.attempt, finished)) === 'under way') return // it is looked at again then
  } catch (cause) {
    const outcome = cause instanceof OrchestrateError ? withoutOutputs(attempt, cause) : null
    if (outcome === null) throw cause // the store's trouble: tried again
    await context.aggregates.updateJob(job.key, (now) =>
      now?.shards[shard]?.fence === fence
        ? [{ type: 'attempt.exited', shard, fence, outcome, step: attempt.step, reached: attempt.reached }]
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

/** How an attempt ended after all, of which there are no outputs; null where there still may be. */
function withoutOutputs({ attempt }: Attempt, { code, message, hint, exit }: OrchestrateError): Outcome | null {
  if (code === 'OUTPUT_LOST') return { kind: 'nodeLost', message, nodes: [] }
  return exit === 2 ? { kind: 'misused', error: { code, message, hint, attempt } } : null
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
