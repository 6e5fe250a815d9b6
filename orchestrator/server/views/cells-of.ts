import { cellsByJob, type Run } from '../../run/run.ts'

const known = new WeakMap<Run['submitted'], Map<string, string[]>>()

/** Names of a run's cells that a job is of. Put in order once for each run: it never changes. */
export function cellsOf({ submitted }: Run, key: string): string[] {
  const cells = known.get(submitted) ?? cellsByJob(submitted.cells)
  known.set(submitted, cells)
  return cells.get(key) ?? []
}
