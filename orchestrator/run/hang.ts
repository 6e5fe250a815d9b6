import type { Pulse, RankPulse } from './pulse.ts'

/*
 * When silence is a hang. A worker is measured against itself: it may be silent for FACTOR times as long as its steps
 * usually take. The floor keeps a worker of quick steps from being blamed for a loaded machine; the ceiling holds where
 * nothing can be learned: before the first steps, in announced slow work, and after the last step.
 */

const FACTOR = 20
/** Nine of ten intervals are no longer than what is learned: now and then one has a save in it. */
const QUANTILE = 0.9
/** Intervals that it takes to learn from: the first step compiles, fills caches, and says nothing about the others. */
const LEARNED_FROM = 3

/** Milliseconds. */
export type Bounds = { floor: number; ceiling: number }

export type Patience = {
  /** Milliseconds without any sign of life that are no hang. */
  silence: number
  /** Milliseconds without progress that are no hang, other signs of life or not; null where no progress is due. */
  stall: number | null
  /** What the worker is at, to be said after "silent". */
  phase: string
}

/** How long an attempt may be silent now. */
export function patience(pulse: Pulse, bounds: Bounds): Patience {
  const { ceiling } = bounds
  const announced = [...pulse.busy].filter(([rank]) => !pulse.ended.has(rank)).map(([, busy]) => busy)
  if (announced.length > 0) {
    const longest = Math.max(...announced.map(({ expected }) => 2 * (expected ?? 0)), ceiling)
    return { silence: longest, stall: longest, phase: `while ${announced[0]?.what}` }
  }
  const underWay = [...pulse.ranks].filter(([rank, { step, of }]) => step < of && !pulse.ended.has(rank))
  if (underWay.length === 0) {
    const phase = pulse.ranks.size > 0 ? 'after its last step' : 'before its first step'
    return { silence: ceiling, stall: null, phase }
  }
  const limits = underWay.map(([, rank]) => learned(rank, bounds))
  const silence = Math.max(...limits.map((limit) => limit ?? ceiling))
  return { silence, stall: ceiling, phase: limits.includes(null) ? 'in its first steps' : 'between two steps' }
}

function learned({ intervals }: RankPulse, { floor, ceiling }: Bounds): number | null {
  if (intervals.length < LEARNED_FROM) return null
  const sorted = intervals.toSorted((a, b) => a - b)
  const usual = sorted[Math.ceil(QUANTILE * sorted.length) - 1] ?? ceiling
  // A bound that a user sets holds, also where it lies below the floor.
  return Math.min(ceiling, Math.max(floor, FACTOR * usual))
}

/** How long an attempt has shown nothing, in milliseconds in which this machine and this program were awake. */
export type Silence = { signs: number; advances: number; silent: number; stalled: number }

export const noSilence: Silence = { signs: 0, advances: 0, silent: 0, stalled: 0 }

/** The silence after a further look at the pulse, `awake` milliseconds after the last. */
export const listen = (before: Silence, { signs, advances }: Pulse, awake: number): Silence => ({
  signs,
  advances,
  silent: signs === before.signs ? before.silent + awake : 0,
  stalled: advances === before.advances ? before.stalled + awake : 0,
})

export const isOverdue = ({ silent, stalled }: Silence, { silence, stall }: Patience): boolean =>
  silent > silence || (stall !== null && stalled > stall)

/**
 * Of the time between two ticks of a clock, how much counts as silence. A tick that comes much too late says that the
 * machine slept, this program was stopped, or the clock was set: the workers stood still as well, or may have.
 */
export function awakeTime(elapsed: number, tick: number): number {
  if (elapsed < 0 || elapsed > 5 * tick) return 0
  return Math.min(elapsed, 2 * tick)
}
