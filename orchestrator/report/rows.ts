import type { Json } from '../spec/pipeline.ts'
import type { ReportCell, ReportInput } from './input.ts'

/** One line of the table: a recipe, with a cell for each seed that it was trained with. */
export type RowGroup = { name: string; cells: ReportCell[]; baseline: boolean }

/**
 * Cells that differ in nothing but a seed are one row; any other axis keeps them apart, since a mean over different recipes
 * is the success of none of them.
 */
export function groupRows({ cells, spec }: ReportInput): RowGroup[] {
  const groups = new Map<string, ReportCell[]>()
  for (const cell of cells) {
    const name = rowName(cell, spec.rows)
    groups.set(name, [...(groups.get(name) ?? []), cell])
  }
  return [...groups].map(([name, members]) => ({
    name,
    cells: members,
    baseline: spec.baseline !== null && (name === spec.baseline || members.some((cell) => cell.name === spec.baseline)),
  }))
}

/** The row axis speaks for itself; values of other axes (`0.1`) need its name. Without a row axis each cell is a row. */
function rowName(cell: ReportCell, rows: string | null): string {
  if (rows === null || !Object.hasOwn(cell.values, rows)) return cell.name
  const others = Object.keys(cell.values).filter((axis) => axis !== rows && !isSeed(axis))
  return [text(cell.values[rows]), ...others.map((axis) => `${axis} ${text(cell.values[axis])}`)].join(', ')
}

/** The seed values of a cell, `seed 2`; empty where no axis is a seed. */
export const seedOf = (cell: ReportCell, rows: string | null): string =>
  Object.keys(cell.values)
    .filter((axis) => axis !== rows && isSeed(axis))
    .map((axis) => `${axis} ${text(cell.values[axis])}`)
    .join(', ')

const isSeed = (axis: string) => /(^|[-_.])seeds?$/i.test(axis)
const text = (value: Json | undefined) => (typeof value === 'string' ? value : JSON.stringify(value ?? null))
