import { cpus, loadavg, totalmem } from 'node:os'
import type { Lab, World } from './lab.ts'

/** One of the goals that an issue states, and what was measured for it. */
export type Goal = { what: string; measured: string; met: boolean }

export type Bench = {
  /** What it measures, in a line. */
  about: string
  world?: World
  /** What has to be known to read its results, a sentence each: with them it can write its page, RESULTS.md. */
  notes?: readonly string[]
  /** What it is made of, each to be run alone too. Prints what it finds as it goes, and says which goals it met. */
  parts: Record<string, (lab: Lab, seed: number) => Promise<Goal[]>>
}

/** What figures from here may be compared with; a machine that others use too gives wide intervals. */
export function machine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)} before`
}

/** Columns under their names, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('   ')
  return rows.map((row) => `  ${line(row)}`).join('\n')
}
