import type { ReportInput, Trial } from './input.ts'
import type { Pairs } from './stats/mcnemar.ts'

/** Outcome by trial: what is the same problem has the same key, whichever policy faced it. */
export type TrialSet = Map<string, { task: string; success: boolean }>

const keyOf = ({ task, trial, initial_state }: Trial) => JSON.stringify([task, trial, initial_state])

/** Trials of one policy of a cell, or null when the same trial is recorded twice: then nothing about it can be counted. */
export function trialSet(input: ReportInput, cell: string, policy: Trial['policy']): TrialSet | null {
  const set: TrialSet = new Map()
  for (const trial of input.trials[cell] ?? []) {
    if (trial.policy !== policy) continue
    const key = keyOf(trial)
    if (set.has(key)) return null
    set.set(key, { task: trial.task, success: trial.success })
  }
  return set
}

export const sameTrials = (a: TrialSet, b: TrialSet) => a.size === b.size && [...a.keys()].every((key) => b.has(key))

export const sameOutcomes = (a: TrialSet, b: TrialSet) =>
  sameTrials(a, b) && [...a].every(([key, { success }]) => b.get(key)?.success === success)

/** Why two sets can't be paired: what is missing where. */
export function differenceOf(a: TrialSet, b: TrialSet, nameA: string, nameB: string): string {
  const onlyA = [...a].filter(([key]) => !b.has(key))
  const onlyB = [...b].filter(([key]) => !a.has(key))
  const shared = a.size - onlyA.length
  const tasks = (only: typeof onlyA) => [...new Set(only.map(([, { task }]) => task))].join(', ')
  const lacks = (name: string, only: typeof onlyA) =>
    only.length > 0 ? [`${name} lacks ${only.length} (${tasks(only)})`] : []
  return `the trial sets differ: ${shared} of ${shared + onlyA.length + onlyB.length} trials are in both; ${[...lacks(nameA, onlyB), ...lacks(nameB, onlyA)].join(', ')}`
}

/** @throws RangeError when the sets aren't the same trials */
export function pair(a: TrialSet, b: TrialSet): Pairs {
  if (!sameTrials(a, b)) throw new RangeError('only the same trials can be paired')
  const pairs: Pairs = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 }
  for (const [key, { success }] of a) {
    const other = b.get(key)?.success === true
    if (success) pairs[other ? 'both' : 'onlyFirst']++
    else pairs[other ? 'onlySecond' : 'neither']++
  }
  return pairs
}
