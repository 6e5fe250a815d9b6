import type { WorkerEvent } from '../protocol/worker-event.ts'

/** Intervals between reports of progress that are kept, to learn from. */
const KEPT = 64

/** What one rank has said of how it goes on. Its times are the worker's own clock. */
export type RankPulse = {
  step: number
  of: number
  unit: string
  /** Unix milliseconds of its last progress. */
  at: number
  /** Milliseconds between its last reports of progress. */
  intervals: number[]
}

/** Slow work that a rank has announced; over with its next progress. */
export type Busy = { what: string /** Milliseconds that it expects, or null. */; expected: number | null }

/** The signs of life of an attempt: counted, so that whoever has the right clock can say how long ago the last one was. */
export type Pulse = {
  /** Events of any rank that say something new. */
  signs: number
  /** Reports of progress among them. */
  advances: number
  /** Ranks that have reported progress. */
  ranks: Map<number, RankPulse>
  busy: Map<number, Busy>
  /** Ranks that have said how they ended. */
  ended: Set<number>
}

export const noPulse = (): Pulse => ({ signs: 0, advances: 0, ranks: new Map(), busy: new Map(), ended: new Set() })

/** Takes one event of a rank into the pulse. To report the same step again is no sign of life: a stuck worker can do that. */
export function takeSign(pulse: Pulse, rank: number, event: WorkerEvent): void {
  if (event.type === 'progress') {
    if (!takeProgress(pulse, rank, event)) return
    pulse.advances += 1
    pulse.busy.delete(rank)
  }
  pulse.signs += 1
  if (event.type === 'busy')
    pulse.busy.set(rank, { what: event.what, expected: event.seconds === undefined ? null : event.seconds * 1000 })
  if (event.type === 'done' || event.type === 'failed') pulse.ended.add(rank)
}

function takeProgress(pulse: Pulse, rank: number, event: WorkerEvent & { type: 'progress' }): boolean {
  const { step, of, unit, t } = event
  const last = pulse.ranks.get(rank)
  if (last?.step === step && last.of === of && last.unit === unit) return false
  // Something else is counted now: how long a step of it takes has to be learned anew.
  const same = last?.of === of && last.unit === unit
  // Slow work that was announced, and a clock that was set back, say nothing about steps.
  const tells = same && t > last.at && !pulse.busy.has(rank)
  const intervals = same ? last.intervals : []
  if (tells) intervals.push(t - last.at)
  if (intervals.length > KEPT) intervals.shift()
  pulse.ranks.set(rank, { step, of, unit, at: t, intervals })
  return true
}
