import type { Until } from '../../spec/gates/gate.ts'
import type { Verdict } from './verdict.ts'

/** How many a side the next look is to have; null where that kind isn't to grow. */
export type Growth = { seeds: number | null; trials: { from: number; to: number } | null }

/**
 * What the next look at a run's gates needs, or null where none is left to take: all are decided, one has failed, or those that
 * are undecided are at their limit. Sizes grow by half as many seeds or twice the trials, whatever was seen: the bound on the
 * chance of a wrong answer holds for sizes that don't follow from the results.
 */
export function growth(verdicts: readonly Verdict[], limit: Until | null): Growth | null {
  if (verdicts.some(({ counts }) => counts === 'fail')) return null
  const open = verdicts.filter(({ outcome }) => outcome === 'undecided')
  const seeds = open.flatMap(({ kind, seeds: now, until }) => {
    const most = limitOf('seeds', limit ?? until)
    if (kind !== 'recipe' || now === null || most === null || now >= most) return []
    return [Math.min(most, Math.max(3, Math.ceil(now * 1.5)))]
  })
  const trials = open.flatMap(({ kind, trials: from, until }) => {
    const most = limitOf('trials', limit ?? until)
    return kind === 'policy' && from !== null && most !== null && from < most
      ? [{ from, to: Math.min(most, from * 2) }]
      : []
  })
  const [widest] = trials.toSorted((a, b) => b.to - a.to)
  if (seeds.length === 0 && widest === undefined) return null
  return { seeds: seeds.length === 0 ? null : Math.max(...seeds), trials: widest ?? null }
}

function limitOf(kind: 'seeds' | 'trials', limit: Until | null): number | null {
  if (limit === null) return null
  if ('seeds' in limit) return kind === 'seeds' ? limit.seeds : null
  return kind === 'trials' ? limit.trials : null
}

/** What each gate came to at the first look that decided it, else at the last: an answer once taken stands. */
export const standing = (before: readonly Verdict[], now: readonly Verdict[]): Verdict[] =>
  now.map((verdict, index) => {
    const earlier = before[index]
    return earlier !== undefined && earlier.outcome !== 'undecided' ? earlier : verdict
  })
