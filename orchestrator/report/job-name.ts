import type { ReportInput } from './input.ts'

/** How the command line takes a job: `train[full]`; a job that every cell shares needs no cell. */
export function jobName(
  { stage, cells }: { stage: string; cells: string[] },
  input: Pick<ReportInput, 'cells'>,
): string {
  return cells.length === input.cells.length ? stage : `${stage}[${cells.join(' ')}]`
}
