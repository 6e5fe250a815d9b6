import type { Subject } from '../../store/marks.ts'
import type { CollectView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import type { Options, Pass } from '../gc/collector.ts'

/** A pass of the collector, as the API tells it. */
export function collectView(
  context: Context,
  { decisions, skipped, now }: Pass,
  { ages, grace }: Options,
): CollectView {
  const stageOf = (job: string): string | null => context.aggregates.jobs.get(job)?.planned.stage ?? null
  return {
    now,
    graceMs: grace,
    olderThanMs: ages.artifacts,
    items: decisions.map(({ action, subject, why, objects, bytes, markedAt }) => ({
      action,
      kind: subject.kind,
      job: subject.job,
      stage: stageOf(subject.job),
      ...placeOf(subject),
      why,
      objects,
      bytes,
      goesAt: action === 'mark' ? now + grace : action === 'wait' ? (markedAt ?? now) + grace : null,
    })),
    skipped,
  }
}

type Place = Pick<CollectView['items'][number], 'shard' | 'fence' | 'step'>

const placeOf = (subject: Subject): Place => ({
  shard: 'shard' in subject ? subject.shard : null,
  fence: 'fence' in subject ? subject.fence : null,
  step: 'step' in subject ? subject.step : null,
})
