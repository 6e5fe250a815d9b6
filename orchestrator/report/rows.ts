import { isSeed, rowName } from '../spec/gates/row-name.ts'
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

/** The seed values of a cell, `seed 2`; empty where no axis is a seed. */
export const seedOf = (cell: ReportCell, rows: string | null): string =>
  Object.keys(cell.values)
    .filter((axis) => axis !== rows && isSeed(axis))
    .map((axis) => `${axis} ${text(cell.values[axis])}`)
    .join(', ')

const text = (value: Json | undefined) => (typeof value === 'string' ? value : JSON.stringify(value ?? null))
