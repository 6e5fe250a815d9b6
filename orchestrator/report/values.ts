import type { RunState } from './input.ts'
import { type Interval, wilson } from './stats/wilson.ts'
import type { TrialSet } from './trials.ts'

/** What stands in a place of the table. `none`: there can be no value. `noneYet`: there will be. */
export type Value =
  | { kind: 'count'; k: number; n: number; interval: Interval }
  | { kind: 'numbers'; values: number[] }
  | { kind: 'none' }
  | { kind: 'noneYet' }

export const counted = (k: number, n: number): Value =>
  Number.isSafeInteger(k) && Number.isSafeInteger(n) && n > 0 && k >= 0 && k <= n
    ? { kind: 'count', k, n, interval: wilson(k, n) }
    : { kind: 'none' }

export const missingFor = (state: RunState): Value => ({ kind: state === 'running' ? 'noneYet' : 'none' })

/** Successes by task. */
export function tally(sets: TrialSet[]): Map<string, Value> {
  const counts = new Map<string, { k: number; n: number }>()
  for (const { task, success } of sets.flatMap((set) => [...set.values()])) {
    const { k, n } = counts.get(task) ?? { k: 0, n: 0 }
    counts.set(task, { k: k + (success ? 1 : 0), n: n + 1 })
  }
  return new Map([...counts].map(([task, { k, n }]) => [task, counted(k, n)]))
}

/** Counts with equal n in every column, added; anything else has no mean. */
export function meanOf(values: Value[], missing: Value): Value {
  const counts = values.filter((value) => value.kind === 'count')
  if (counts.length === 0 || counts.length < values.length) {
    return values.some(({ kind }) => kind === 'noneYet') || values.length === 0 ? missing : { kind: 'none' }
  }
  if (!counts.every(({ n }) => n === counts[0]?.n)) return { kind: 'none' }
  return counted(sum(counts.map(({ k }) => k)), sum(counts.map(({ n }) => n)))
}

export const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
