import type { ReportInput } from './input.ts'

/** A measured number that stands beside the counts, with the trivial predictor it must beat. */
export type MetricColumn = { name: string; label: string; about: string; bestConstant: number | null }

const SUFFIX = '.best_constant'

/**
 * A metric becomes a column when the worker also says what the best constant would score (`x` and `x.best_constant`): such a
 * number means nothing without the other. `depth.absrel.random_camera` is headed `absrel`, about `depth, random camera`.
 */
export function metricColumns({ cells }: ReportInput): MetricColumn[] {
  const names = [...new Set(cells.flatMap(({ metrics }) => Object.keys(metrics)))]
  const scored = names.filter((name) => names.includes(name + SUFFIX))
  const labels = scored.map((name) => name.split('.')[1] ?? name)
  return scored.map((name, index) => {
    const parts = name.split('.')
    const label = labels[index] as string
    const unique = labels.filter((other) => other === label).length === 1
    return {
      name,
      label: unique ? label : [label, ...parts.slice(2)].join(' ').replaceAll('_', ' '),
      about: parts
        .filter((_, place) => place !== 1)
        .join(', ')
        .replaceAll('_', ' '),
      bestConstant: onlyValue(cells.map(({ metrics }) => metrics[name + SUFFIX])),
    }
  })
}

/** The value when all who have one agree: the best constant belongs to the data, not to a policy. */
function onlyValue(values: unknown[]): number | null {
  const numbers = values.filter((value) => typeof value === 'number')
  const [first] = numbers
  return first !== undefined && numbers.every((value) => Math.abs(value - first) < 1e-6) ? first : null
}
