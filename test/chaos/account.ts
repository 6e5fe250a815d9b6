import { layout } from '../../orchestrator/store/layout.ts'
import type { Line } from './book.ts'
import type { Truths } from './workload.ts'

/** What the faults of a world have cost, fault by fault. */
export type Cost = {
  /** Steps that were done, that no committed checkpoint held, and that were done again. */
  lost: number
  /** Steps that were done again although a sound checkpoint held them, or by two attempts at the same time. */
  duplicated: number
  /** Attempts that went on from a state that the training never had, and checkpoints found broken that nobody had broken. */
  torn: number
}

/** The last word of an attempt comes no longer than this before it is cut off. */
const WITHIN_MS = 500

/**
 * Goes through a world's book: each attempt against what those before it had done, had committed, and should have come
 * to. What it finds is charged to the last fault before the attempt before it was cut off.
 */
export function account(
  lines: readonly Line[],
  faults: readonly number[],
  truths: Truths,
  damaged: Set<string>,
): Cost[] {
  const costs = faults.map((): Cost => ({ lost: 0, duplicated: 0, torn: 0 }))
  const shards = Map.groupBy(
    lines.filter(({ rank }) => rank === 0),
    ({ job, shard }) => `${job}/${shard}`,
  )
  for (const [name, own] of shards) {
    const states = truths.get(name.split('/')[0] ?? '')?.[Number(name.split('/')[1])]
    for (const start of own.filter(({ kind, fence }) => kind === 'start' && fence > 1)) {
      const mine = own.filter(({ fence }) => fence === start.fence)
      const before = own.filter(({ fence }) => fence < start.fence)
      const cutOff = before.findLast(({ t }) => t < start.t)?.t ?? start.t
      const fault = faults.findLastIndex((at) => at <= cutOff + WITHIN_MS)
      const cost = costs[Math.max(0, fault)]
      if (!cost) continue
      const from = mine.find(({ kind }) => kind === 'from')
      const broken = mine.filter(({ kind }) => kind === 'broken')
      cost.torn += broken.filter(({ text }) => !damaged.has(text)).length
      if (!from) continue // ended before it had found its place
      if (states && states[from.number] !== from.text) cost.torn += 1
      const reached = Math.max(0, ...before.filter(({ kind }) => kind === 'step').map(({ number }) => number))
      const sound = before.filter((line) => line.kind === 'save' && !damaged.has(manifestOf(line)))
      const held = Math.max(0, ...sound.map(({ number }) => number))
      const again = Math.max(0, Math.min(held, reached) - from.number)
      const late = before.filter(({ kind, t }) => kind === 'step' && t > start.t).length
      cost.duplicated += again + late
      cost.lost += Math.max(0, reached - from.number - again)
    }
  }
  return costs
}

const manifestOf = ({ job, shard, fence, number }: Line): string =>
  `${layout.checkpoints(job, shard, fence)}/${number}/manifest.json`
