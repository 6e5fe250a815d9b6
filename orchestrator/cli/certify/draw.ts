import { createHash } from 'node:crypto'

/** A number in [0, 1) for each purpose of a seed: the same whatever else was drawn. */
export function draw(seed: number, purpose: string): number {
  return createHash('sha256').update(`${seed}/${purpose}`).digest().readUIntBE(0, 6) / 2 ** 48
}

/** One of the items. */
export function drawFrom<T>(items: readonly [T, ...T[]], seed: number, purpose: string): T {
  return items[Math.floor(draw(seed, purpose) * items.length)] ?? items[0]
}
