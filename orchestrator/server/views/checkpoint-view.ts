import type { Job } from '../../run/job.ts'
import type { Run } from '../../run/run.ts'
import { concurrently } from '../../store/concurrently.ts'
import { coversManifest, listMarks } from '../../store/marks.ts'
import { type FoundCheckpoint, survey } from '../../store/survey.ts'
import type { CheckpointView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { jobsOf } from '../find.ts'
import { keptOf } from '../gc/judge.ts'
import { needsOf } from '../gc/needs.ts'

/** The committed checkpoints of a run's jobs: by job, then by shard, fence and step. */
export async function checkpointViews(context: Context, run: Run): Promise<CheckpointView[]> {
  const lists = await concurrently(jobsOf(context, run).values(), (job) => ofJob(context, job))
  return lists.flat()
}

async function ofJob(context: Context, job: Job): Promise<CheckpointView[]> {
  const { store, aggregates, reporting } = context
  const found = await survey(store, job.key)
  const marks = await listMarks(store, job.key)
  const needs = needsOf(job, aggregates.runs.values(), (run) => reporting.has(run))
  const kept = new Map(job.shards.map((_, shard) => [shard, keptOf(found, shard, needs)]))
  const lists = await concurrently(found.attempts, async ({ shard, fence, checkpoints }) => {
    const attempt = job.attempts.findLast((one) => one.shard === shard && one.fence === fence)?.attempt ?? ''
    const saved = attempt === '' ? [] : (await context.logs.get(attempt)).saved
    return checkpoints.flatMap((one): CheckpointView[] => {
      const { key, step, manifest } = one
      if (manifest === null) return []
      return [
        {
          job: job.key,
          stage: job.planned.stage,
          shard,
          step,
          bytes: manifest.files.reduce((sum, { size }) => sum + size, 0),
          files: manifest.files.length,
          createdAt: manifest.createdAt,
          attempt,
          fence,
          manifest: key,
          parent: manifest.parent,
          stallMs: saved.findLast((save) => save.manifest === key)?.stallMs ?? null,
          metrics: manifest.metrics,
          kept: [...(kept.get(shard)?.get(key) ?? [])],
          marked: marks.some((mark) => coversManifest(mark, shard, key)),
          ...verdictOf(one),
        },
      ]
    })
  })
  return lists.flat()
}

function verdictOf({ verdict }: FoundCheckpoint): Pick<CheckpointView, 'verified' | 'verifiedAt' | 'problems'> {
  if (verdict === null) return { verified: 'not checked', verifiedAt: null, problems: [] }
  const { at, problems } = verdict
  return { verified: problems.length === 0 ? 'ok' : 'broken', verifiedAt: at, problems }
}
