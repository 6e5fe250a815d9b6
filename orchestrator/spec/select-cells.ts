import type { Cell } from './pipeline.ts'
import type { Report } from './problems.ts'
import { onCommandLine } from './settings.ts'
import { suggest } from './suggest.ts'

/** Cells that `--only` names, each by its name or by some of its values: `full,1`, or `full` for all seeds. None: all. */
export function selectCells(cells: Cell[], only: readonly string[], report: Report): Cell[] {
  if (only.length === 0) return cells
  const chosen = new Set<Cell>()
  for (const text of only) {
    const parts = text.split(',').map((part) => part.trim())
    const matching = cells.filter((cell) => {
      const values = Object.values(cell.values).map(String)
      return cell.name === text || parts.every((part) => values.includes(part))
    })
    const exact = matching.filter(({ name }) => name === text)
    for (const cell of exact.length > 0 ? exact : matching) chosen.add(cell)
    if (matching.length > 0) continue
    const names = new Set(cells.flatMap((cell) => [cell.name, ...Object.values(cell.values).map(String)]))
    report(onCommandLine(`--only ${text}`), `no cell '${text}'${suggest(text, names)}`)
  }
  return cells.filter((cell) => chosen.has(cell))
}
