import type { CellStandingView } from '../../server/api.ts'
import { type Line, type Span, span } from './line.ts'
import { table } from './table.ts'

/** How each cell of a matrix stands, over all its runs. */
export function cellsTable(cells: readonly CellStandingView[]): Line[] {
  const columns = [{ title: 'cell' }, { title: 'state' }, { title: 'why', style: 'dim' as const }]
  return table(
    columns,
    cells.map(({ cell, state, reason }) => [span(cell, 'bold'), stateOf(state), reason]),
  )
}

function stateOf(state: CellStandingView['state']): Span {
  switch (state) {
    case 'done':
      return span('✔ done', 'good')
    case 'running':
      return span('◐ running', 'busy')
    case 'failed':
      return span('✘ failed', 'bad')
    case 'missing':
      return span('· missing', 'dim')
  }
}
