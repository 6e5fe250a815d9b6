import type { Keep } from '../spec/pipeline.ts'

/** Why a checkpoint stays. */
export type Kept =
  | 'resume' // an attempt that has just been placed may resume from it
  | 'lineage' // the next attempt would try it first, or second
  | 'last'
  | 'every'
  | 'best'

export type Candidate = {
  /** Store key of its manifest. */
  key: string
  step: number
  metrics: Readonly<Record<string, number>>
  /** Its files were read through, and are not what the manifest says. */
  broken: boolean
}

/** The next attempt tries them in turn, so behind the newest one stands another should it be broken. */
const TRIED = 2

/**
 * Which checkpoints of a shard stay, and why; what isn't named may go.
 *
 * @param order what the next attempt may resume from, best first. Only these are worth keeping for their own sake: what
 *   a replaced attempt committed late is never chosen.
 * @param named manifests that attempts may be resuming from just now
 */
export function keepers(
  order: readonly Candidate[],
  keep: Keep,
  named: Iterable<string> = [],
): ReadonlyMap<string, readonly Kept[]> {
  const kept = new Map<string, Kept[]>()
  const because = (why: Kept, keys: Iterable<string>): void => {
    for (const key of keys) kept.set(key, [...(kept.get(key) ?? []), why])
  }
  const keysOf = (candidates: readonly Candidate[]): string[] => candidates.map(({ key }) => key)
  // One that is broken stands for nothing; but where all are, somebody may still mend the newest.
  const whole = order.filter(({ broken }) => !broken)
  const good = whole.length > 0 ? whole : order.slice(0, 1)
  because('resume', new Set(named))
  because('lineage', keysOf(good.slice(0, TRIED)))
  because('last', keysOf(good.slice(0, keep.last)))
  because('every', keysOf(good.filter(({ step }) => keep.every !== null && step % keep.every === 0)))
  because('best', keysOf(bestOf(good, keep.best)))
  return kept
}

/** The best one, the newest of several; none where nobody reported the metric. */
function bestOf(candidates: readonly Candidate[], best: Keep['best']): Candidate[] {
  if (best === null) return []
  const sign = best.mode === 'min' ? 1 : -1
  const known = candidates.flatMap((candidate) => {
    const value = candidate.metrics[best.metric]
    return value === undefined ? [] : [{ candidate, cost: sign * value }]
  })
  return known
    .toSorted((a, b) => a.cost - b.cost)
    .slice(0, 1)
    .map(({ candidate }) => candidate)
}

/** A policy in words: `last 2, every 1,000 steps, best loss`. */
export function showKeep({ last, every, best }: Keep): string {
  const parts = [
    `last ${last}`,
    ...(every === null ? [] : [`every ${every} steps`]),
    ...(best === null ? [] : [`best ${best.metric}`]),
  ]
  return parts.join(', ')
}
