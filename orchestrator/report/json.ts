import { type Comparison, comparisons } from './compare.ts'
import { findings } from './findings.ts'
import { verdicts } from './gates/judge.ts'
import type { ReportInput } from './input.ts'
import { type Recipe, recipes } from './recipes.ts'
import { buildTable, type Row } from './table.ts'
import type { Value } from './values.ts'

/** The report for a program: every figure with its n and interval, no pictures. Ends with a line feed. */
export function reportJson(input: ReportInput): string {
  return `${JSON.stringify(reportData(input), null, 2)}\n`
}

export function reportData(input: ReportInput) {
  const { run, cells, jobs, goodput, madeAt } = input
  const table = buildTable(input)
  return {
    version: 1,
    madeAt: new Date(madeAt).toISOString(),
    run: { ...run, createdAt: iso(run.createdAt), endedAt: run.endedAt === null ? null : iso(run.endedAt) },
    findings: findings(input),
    gates: verdicts(input),
    table: {
      axis: table.axis,
      columns: table.columns,
      metrics: table.metrics,
      rows: table.rows.map((row) => rowData(row, table.columns, table.metrics)),
    },
    recipes: recipes(input).map(recipeData),
    comparisons: comparisons(input).map(comparisonData),
    cells: cells.map(({ name, state, values, metrics }) => ({ cell: name, state, values, metrics })),
    jobs: jobs.map(({ config: _config, ...job }) => job),
    goodput,
  }
}

const iso = (ms: number) => new Date(ms).toISOString()

const rowData = (row: Row, columns: string[], metrics: { name: string }[]) => ({
  ...row,
  values: Object.fromEntries(columns.map((column, index) => [column, valueData(row.values[index])])),
  mean: valueData(row.mean),
  metrics: Object.fromEntries(metrics.map(({ name }, index) => [name, valueData(row.metrics[index])])),
})

function valueData(value: Value | undefined) {
  switch (value?.kind) {
    case 'count':
      return { k: value.k, n: value.n, wilson95: [value.interval.lower, value.interval.upper] }
    case 'numbers':
      return value.values.length === 1 ? value.values[0] : value.values
    default:
      return null
  }
}

function recipeData({ difference, ...recipe }: Recipe) {
  const { value, lower, upper, degrees, p: rawP } = difference
  return { ...recipe, test: "Welch's t over training seeds", rawP, degrees, difference: { value, t95: [lower, upper] } }
}

function comparisonData(comparison: Comparison) {
  const { row, baseline, first, second, seeds } = comparison
  const sides = { row, baseline, first, second, seeds }
  if (comparison.kind === 'refused') return { ...sides, tested: false, reason: comparison.reason }
  const { pairs, n, difference, p, rawP, tests, verdict } = comparison
  const { value, lower, upper } = difference
  return {
    ...sides,
    tested: true,
    verdict,
    test: 'exact McNemar',
    p,
    rawP,
    tests,
    n,
    pairs,
    difference: { value, newcombe95: [lower, upper] },
  }
}
