import type { Job } from './job.ts'
import { isStopping, type Run, type RunCell } from './run.ts'

/** How a cell stands, over all runs that had it. */
export type CellStanding = {
  cell: string
  state: 'done' | 'failed' | 'missing' | 'running'
  /** The newest run that had exactly these jobs; where none had, the newest that had a cell of this name; or null. */
  run: string | null
  /** A sentence. */
  reason: string
}

/**
 * The ledger of cells. A cell is the same in two runs where its jobs have the same keys: code, config or inputs that
 * changed make another cell of the same name, and what the old one gave says nothing about the new one.
 * `runs` are those of the pipeline, newest first.
 */
export function cellLedger(
  cells: readonly Pick<RunCell, 'name' | 'jobs'>[],
  runs: readonly Run[],
  jobs: (key: string) => Job | undefined,
): CellStanding[] {
  const indexed = runs.map((run) => ({ run, cells: new Map(run.submitted.cells.map((cell) => [cell.name, cell])) }))
  return cells.map(({ name, jobs: keys }) => {
    const having = indexed.flatMap(({ run, cells }) => {
      const cell = cells.get(name)
      return cell ? [{ run, cell }] : []
    })
    const same = having.filter(({ cell }) => sameJobs(cell.jobs, keys)).map(({ run }) => run)
    const newest = same[0]
    if (!newest) return { cell: name, ...unlike(having[0], keys) }
    return { cell: name, run: newest.submitted.run, ...standing(newest, same, keys, jobs) }
  })
}

/** Each cell of the runs once, as the newest run that has it defines it, in the order of the runs. */
export function cellsOfRuns(runs: readonly Run[]): RunCell[] {
  const cells = new Map<string, RunCell>()
  for (const { submitted } of runs)
    for (const cell of submitted.cells) if (!cells.has(cell.name)) cells.set(cell.name, cell)
  return [...cells.values()]
}

function standing(
  newest: Run,
  runs: readonly Run[],
  keys: Readonly<Record<string, string>>,
  jobs: (key: string) => Job | undefined,
): Pick<CellStanding, 'state' | 'reason'> {
  const id = newest.submitted.run
  const stages = Object.entries(keys).map(([stage, key]) => ({ stage, job: jobs(key) }))
  const failed = stages.find(({ job }) => job?.phase === 'failed')
  if (failed)
    return { state: 'failed', reason: `${failed.stage} failed in ${id}: ${failed.job?.error?.code ?? 'failed'}` }
  if (stages.every(({ job }) => job?.phase === 'succeeded')) return { state: 'done', reason: `done in ${id}` }
  const running = runs.find((run) => run.state === 'running' && !isStopping(run))
  if (running) return { state: 'running', reason: `${running.submitted.run} runs it` }
  const left = stages.find(({ job }) => job?.phase !== 'succeeded')
  return { state: 'missing', reason: `${id} ended before ${left?.stage} was done` }
}

function unlike(
  found: { run: Run; cell: RunCell } | undefined,
  keys: Readonly<Record<string, string>>,
): Omit<CellStanding, 'cell'> {
  if (!found) return { state: 'missing', run: null, reason: 'no run had it' }
  const { run, cell } = found
  const changed = Object.keys(keys).find((stage) => cell.jobs[stage] !== keys[stage])
  const id = run.submitted.run
  const reason = changed === undefined ? `${id} had it with other stages` : `${id} had it with another ${changed}`
  return { state: 'missing', run: id, reason }
}

const sameJobs = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const stages = Object.keys(a)
  return stages.length === Object.keys(b).length && stages.every((stage) => a[stage] === b[stage])
}
