import type { ReportCell, ReportInput, ReportJob } from './input.ts'

/**
 * World size and device aren't part of a key, so cells may have been made on different ones; where a stage was, the cells that
 * differ from most say so. What most have is found out once, for all rows.
 */
export function placeNotesOf(input: ReportInput): (cells: ReportCell[]) => string[] {
  const jobs = new Map(input.jobs.map((job) => [job.key, job]))
  const placesOf = (cells: readonly ReportCell[], stage: string) =>
    cells.flatMap((cell) => place(jobs.get(cell.jobs[stage] ?? '')) ?? [])
  const stages = new Set(input.cells.flatMap((cell) => Object.keys(cell.jobs)))
  const usual = new Map([...stages].map((stage) => [stage, mostFrequent(placesOf(input.cells, stage))]))
  return (cells) =>
    [...new Set(cells.flatMap((cell) => Object.keys(cell.jobs)))].flatMap((stage) => {
      const own = [...new Set(placesOf(cells, stage))].filter((one) => one !== usual.get(stage))
      return own.length > 0 ? [`${stage} ran on ${own.join(' and ')}, the others on ${usual.get(stage)}`] : []
    })
}

export function place(job: ReportJob | undefined): string | null {
  if (!job || (job.world === null && job.device === null)) return null
  return [job.world === null ? [] : `${job.world} ×`, job.device ?? []].flat().join(' ')
}

function mostFrequent(values: string[]): string | undefined {
  const times = new Map<string, number>()
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1)
  return [...times].sort(([, a], [, b]) => b - a)[0]?.[0]
}
