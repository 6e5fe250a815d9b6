import { type Goal, table } from '../bench.ts'
import { median } from '../statistics.ts'
import { inTurns, quantiles, ratio, showRatio } from './rounds.ts'
import type { Way } from './way.ts'

const MOST_MS = 50

/** From asking for a job to the first line of its worker, the machine at rest in between. */
export async function measureFirstLines(ways: readonly Way[], rounds: number, seed: number): Promise<Goal[]> {
  const found = await inTurns(ways, rounds, seed, (way) => way.first())
  const bare = found.get('bare process') ?? []
  const added = (values: number[]): number => median(values.map((value, round) => value - (bare[round] ?? Number.NaN)))
  console.log(`From submission to the worker's first line, ${rounds} rounds in turns, ms:`)
  console.log(
    table([
      ['', 'p10', 'p50', 'p90', 'max', 'added to the bare process, p50', 'times the bare process'],
      ...[...found].map(([name, values]) => [
        name,
        ...quantiles(values, [0.1, 0.5, 0.9, 1]),
        ...(values === bare ? ['', ''] : [added(values).toFixed(1), showRatio(ratio(values, bare))]),
      ]),
    ]),
  )
  const local = found.get('local')
  if (!local) return []
  const measured = added(local)
  const what = `local dispatch adds ≤ ${MOST_MS} ms to a bare process (p50)`
  return [{ what, measured: `${measured.toFixed(1)} ms`, met: measured <= MOST_MS }]
}
