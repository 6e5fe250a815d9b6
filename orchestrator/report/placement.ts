import type { ReportCell, ReportInput, ReportJob } from './input.ts'

/**
 * World size and device aren't part of a key, so cells may have been made on different ones; where a stage was, the cells that
 * differ from most say so.
 */
export function placeNotes(input: ReportInput, cells: ReportCell[]): string[] {
  const jobs = new Map(input.jobs.map((job) => [job.key, job]))
  const stages = [...new Set(cells.flatMap((cell) => Object.keys(cell.jobs)))]
  return stages.flatMap((stage) => {
    const placesOf = (members: ReportCell[]) => members.flatMap((cell) => place(jobs.get(cell.jobs[stage] ?? '')) ?? [])
    const usual = mostFrequent(placesOf(input.cells))
    const own = [...new Set(placesOf(cells))].filter((one) => one !== usual)
    return own.length > 0 ? [`${stage} ran on ${own.join(' and ')}, the others on ${usual}`] : []
  })
}

export function place(job: ReportJob | undefined): string | null {
  if (!job || (job.world === null && job.device === null)) return null
  return [job.world === null ? [] : `${job.world} ×`, job.device ?? []].flat().join(' ')
}

function mostFrequent(values: string[]): string | undefined {
  const times = (value: string) => values.filter((other) => other === value).length
  return [...new Set(values)].sort((a, b) => times(b) - times(a))[0]
}
