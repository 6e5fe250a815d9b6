import type { JobView, RunView } from '../../server/api.ts'

type Named = Pick<JobView, 'key' | 'stage' | 'cells'>

/** `train` where the run has one job of the stage, else with its cell: `train full`, `train full +2`. */
export function jobName(job: Named, jobs: readonly Named[]): string {
  const cell = cellOf(job, jobs)
  return cell === null ? job.stage : `${job.stage} ${cell}`
}

/** The same as the next command takes it: `train[full]`. */
export function jobRef(job: Named, jobs: readonly Named[]): string {
  return isOnlyOne(job, jobs) ? job.stage : `${job.stage}[${job.cells[0] ?? job.key.slice(0, 7)}]`
}

/** The same for a shell, which would read the brackets as a pattern. */
export const quotedRef = (job: Named, jobs: readonly Named[]): string => jobRef(job, jobs).replace(/.*\[.*/, "'$&'")

const isOnlyOne = (job: Named, jobs: readonly Named[]) => jobs.every((j) => j.stage !== job.stage || j.key === job.key)

function cellOf(job: Named, jobs: readonly Named[]): string | null {
  if (isOnlyOne(job, jobs)) return null
  const more = job.cells.length - 1
  return `${job.cells[0] ?? job.key.slice(0, 7)}${more > 0 ? ` +${more}` : ''}`
}

/** What a user may type for a job — `train full`, `train[full]`, a key — as the API takes it. */
export function refFromWords(words: string[]): string {
  const [stage = '', ...cell] = words
  return cell.length === 0 ? stage : `${stage}[${cell.join(',')}]`
}

/** Whether the job is over and nothing about it will change. */
export const isOver = (job: Pick<JobView, 'state'>): boolean =>
  job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled'

/** Jobs of the run that this one still waits for. */
export function unfinishedNeeds(job: JobView, view: RunView): JobView[] {
  return view.jobs.filter((other) => job.needs.includes(other.key) && other.state !== 'succeeded')
}
