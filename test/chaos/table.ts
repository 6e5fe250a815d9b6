import { quantile } from '../bench/statistics.ts'
import { faults } from './faults.ts'
import type { Told } from './round.ts'

const HEAD = ['fault', 'times', 'survived', 'lost', 'duplicated', 'torn', 'meanwhile', 'median s', 'p99 s']

/** One row a fault, and one of all of them, under a head. */
export function resultRows(told: readonly Told[]): string[][] {
  const names = Object.keys(faults).filter((name) => told.some(({ fault }) => fault === name))
  return [
    HEAD,
    ...names.map((name) =>
      row(
        name,
        told.filter(({ fault }) => fault === name),
      ),
    ),
    row('all', told),
  ]
}

function row(name: string, told: readonly Told[]): string[] {
  const sum = (of: (one: Told) => number): string => String(told.reduce((total, one) => total + of(one), 0))
  const times = told.flatMap(({ recovery }) => (Number.isNaN(recovery) ? [] : [recovery / 1000]))
  return [
    name,
    String(told.length),
    String(told.filter(({ survived }) => survived).length),
    sum((one) => one.lost),
    sum((one) => one.duplicated),
    sum((one) => one.torn),
    sum((one) => one.meanwhile),
    ...[0.5, 0.99].map((p) => (times.length > 0 ? quantile(times, p).toFixed(2) : '–')),
  ]
}
