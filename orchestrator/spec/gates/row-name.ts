import type { Json } from '../pipeline.ts'

type Named = { name: string; values: Record<string, Json> }

/**
 * The row of the table that a cell belongs to. Cells that differ in nothing but a seed are one row; the row axis speaks for
 * itself, values of other axes (`0.1`) need its name. Without a row axis each cell is a row.
 */
export function rowName(cell: Named, rows: string | null): string {
  if (rows === null || !Object.hasOwn(cell.values, rows)) return cell.name
  const others = Object.keys(cell.values).filter((axis) => axis !== rows && !isSeed(axis))
  return [text(cell.values[rows]), ...others.map((axis) => `${axis} ${text(cell.values[axis])}`)].join(', ')
}

export const isSeed = (axis: string) => /(^|[-_.])seeds?$/i.test(axis)

const text = (value: Json | undefined) => (typeof value === 'string' ? value : JSON.stringify(value ?? null))
