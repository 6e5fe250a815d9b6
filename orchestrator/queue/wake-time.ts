// Sixteen steps within each doubling of the delay: at most a sixteenth late.
const steps = 16
const finest = 16

/**
 * When a look that is wanted in `delayMs` comes, as Unix milliseconds: never early, and late by a sixteenth of the delay
 * or 16 ms at most. Rounding makes wake-ups for about the same time one and the same: a handler that says at each look
 * "and again in ten minutes" has a few dozen of them waiting, not thousands.
 */
export function wakeTime(now: number, delayMs: number): number {
  const grain = Math.max(finest, 2 ** Math.floor(Math.log2(delayMs / steps)))
  return Math.ceil((now + delayMs) / grain) * grain
}
