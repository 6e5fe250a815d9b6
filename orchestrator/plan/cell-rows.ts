/** What becomes of a stage in a cell; `with` is the cell that comes first with the same job. */
export type Mark = { kind: 'run' } | { kind: 'cached' } | { kind: 'shared'; with: string | null } | { kind: 'absent' }

/** Cells of which each stage has the same fate, with the stages in the order of the table's columns. */
export type CellRow = { cells: string[]; marks: Mark[] }

export type CellJobs = { cell: string; stages: Readonly<Record<string, string>> }

/** Cells × stages. More cells than `atMost` are folded: those that say the same are one row. */
export function cellRows(
  cells: readonly CellJobs[],
  cached: (key: string) => boolean,
  atMost: number,
): { stages: string[]; rows: CellRow[] } {
  const stages = [...new Set(cells.flatMap((cell) => Object.keys(cell.stages)))]
  const owners = new Map<string, string>()
  const marked = cells.map(({ cell, stages: jobs }): CellRow => {
    const marks = stages.map((stage): Mark => {
      const key = jobs[stage]
      if (key === undefined) return { kind: 'absent' }
      if (cached(key)) return { kind: 'cached' }
      const owner = owners.get(key)
      if (owner !== undefined) return { kind: 'shared', with: owner }
      owners.set(key, cell)
      return { kind: 'run' }
    })
    return { cells: [cell], marks }
  })
  return { stages, rows: marked.length > atMost ? fold(marked) : marked }
}

function fold(rows: readonly CellRow[]): CellRow[] {
  const groups = Map.groupBy(rows, ({ marks }) => marks.map(({ kind }) => kind).join())
  return [...groups.values()].map((group) => ({
    cells: group.flatMap(({ cells }) => cells),
    marks: (group[0]?.marks ?? []).map((mark, column) =>
      mark.kind === 'shared' && group.some(({ marks }) => !isSharedWith(marks[column], mark.with))
        ? { kind: 'shared', with: null }
        : mark,
    ),
  }))
}

const isSharedWith = (mark: Mark | undefined, cell: string | null): boolean =>
  mark?.kind === 'shared' && mark.with === cell
