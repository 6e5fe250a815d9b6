import { bounds, quantile, random } from '../statistics.ts'
import type { Way } from './way.ts'

/** Measures every way once a round, in another order each time, so that what changes on the machine meets all of them. */
export async function inTurns(
  ways: readonly Way[],
  rounds: number,
  seed: number,
  measure: (way: Way) => Promise<number>,
): Promise<Map<string, number[]>> {
  const dice = random(seed)
  const found = new Map(ways.map((way) => [way.name, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    const order = ways.map((way) => ({ way, place: dice() })).toSorted((a, b) => a.place - b.place)
    for (const { way } of order) found.get(way.name)?.push(await measure(way))
  }
  return found
}

/** How many times as much as `base` it is, over pairs of one round: geometric mean, and what 90 % of such means would lie in. */
export function ratio(
  values: readonly number[],
  base: readonly number[],
): { mean: number; lower: number; upper: number } {
  const { mean, lower, upper } = bounds(values.map((value, round) => Math.log(value / (base[round] ?? Number.NaN))))
  return { mean: Math.exp(mean), lower: Math.exp(lower), upper: Math.exp(upper) }
}

export const showRatio = ({ mean, lower, upper }: ReturnType<typeof ratio>): string =>
  `${figures(mean)} (${figures(lower)}–${figures(upper)})`

/** Three digits that count. */
export const figures = (value: number): string => value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(value))))

export const quantiles = (values: readonly number[], shares: readonly number[]): string[] =>
  shares.map((share) => figures(quantile(values, share)))
