/** How the command line takes a job: `train[full]`; a job that every cell shares needs no cell. */
export function jobName(
  { stage, cells }: { stage: string; cells: string[] },
  run: { cells: readonly unknown[] },
): string {
  return cells.length === run.cells.length ? stage : `${stage}[${cells.join(' ')}]`
}
