import { table } from '../bench/bench.ts'
import { quantile } from '../bench/statistics.ts'
import { faults } from './faults.ts'
import type { Told } from './round.ts'

/** One row a fault, and one of all of them. */
export function resultsTable(told: readonly Told[]): string {
  const names = Object.keys(faults).filter((name) => told.some(({ fault }) => fault === name))
  return table([
    ['fault', 'times', 'survived', 'lost steps', 'duplicated', 'torn resumes', 'median s', 'p99 s'],
    ...names.map((name) =>
      row(
        name,
        told.filter(({ fault }) => fault === name),
      ),
    ),
    row('all', told),
  ])
}

function row(name: string, told: readonly Told[]): string[] {
  const sum = (of: (one: Told) => number): string => String(told.reduce((total, one) => total + of(one), 0))
  const times = told.filter(({ survived }) => survived).map(({ recovery }) => recovery / 1000)
  return [
    name,
    String(told.length),
    String(times.length),
    sum((one) => one.lost),
    sum((one) => one.duplicated),
    sum((one) => one.torn),
    ...[0.5, 0.99].map((p) => (times.length > 0 ? quantile(times, p).toFixed(2) : '–')),
  ]
}
