import type { Workload } from './workload.ts'
import type { World } from './world.ts'

export type Strike = {
  world: World
  workload: Workload
  /** From 0 to 1, determined by the seed. */
  dice: () => number
  /** Aborted when the world has lost, or was given up. */
  signal: AbortSignal
}

export type Struck = {
  /** Unix milliseconds: when it was done. */
  at: number
  /** When the first new step was done by whom it met, as Unix milliseconds; null when it came too late to meet anybody. */
  recovered: Promise<number | null>
}

/** One way in which things go wrong, done for real. */
export type Fault = {
  /** What is done, in a line of the table. */
  about: string
  /** Why it can't be done in this world, or null. */
  missing?: (world: World) => string | null
  /** Does it; null when there was nobody to do it to at this moment. */
  strike: (strike: Strike) => Promise<Struck | null>
}

/** Milliseconds since 1970 with their fractions, as the workers' own `time.time() * 1000`. */
export const now = (): number => performance.timeOrigin + performance.now()

/** One of several, as the dice say. */
export function pick<T>(from: readonly T[], dice: () => number): T | undefined {
  return from[Math.floor(dice() * from.length)]
}

/** A time between two, as the dice say. */
export const between = (from: number, to: number, dice: () => number): number => from + (to - from) * dice()
