import { plural, shortDuration } from '../../report/figures.ts'
import type { JobView, RunView } from '../../server/api.ts'
import { jobRef, quotedRef } from './job-name.ts'
import { type Line, span } from './line.ts'

/** Each job that failed by itself: what happened, what to do, and the commands that show more. Jobs that fell with it in one line. */
export function failures(view: RunView): Line[] {
  const failed = view.jobs.filter((job) => job.state === 'failed')
  const own = failed.filter((job) => job.error?.input === undefined)
  const fallen = failed.filter((job) => job.error?.input !== undefined).map((job) => jobRef(job, view.jobs))
  const lines = own.flatMap((job) => [...failure(job, view), []])
  return fallen.length === 0
    ? lines
    : [...lines, [span(`⊘ not run, for want of an input: ${fallen.join(', ')}`, 'dim')], []]
}

function failure(job: JobView, view: RunView): Line[] {
  const { error } = job
  const name = jobRef(job, view.jobs)
  const took =
    job.startedAt !== null && job.endedAt !== null ? ` in ${shortDuration((job.endedAt - job.startedAt) / 1000)}` : ''
  const lines: Line[] = [[span(`✘ ${name} failed after ${plural(job.attempts, 'attempt')}${took}`, 'bad')]]
  if (error === null) return lines
  // A worker's own words don't say which rank they come from; those of the control plane begin with it.
  const rank = error.rank === undefined || error.message.startsWith(`rank ${error.rank} `) ? '' : `rank ${error.rank}: `
  lines.push([span(`  ${rank}${error.message} (${error.code})`)])
  if (error.hint !== null && error.hint !== '') lines.push([span(`  ${error.hint}`)])
  const tail = error.tail?.trimEnd().split('\n').slice(-5) ?? []
  lines.push(...tail.map((text): Line => [span(`  │ ${text}`, 'dim')]))
  // Where it left words of its own, they say it; what it printed may help otherwise.
  const flags = `${error.tail === undefined ? '' : ' --stderr'}${error.rank === undefined || error.rank === 0 ? '' : ` --rank ${error.rank}`}`
  lines.push([span('  see    ', 'dim'), span(`orchestrate logs ${quotedRef(job, view.jobs)}${flags}`)])
  if (error.attempt !== undefined) lines.push([span('  debug  ', 'dim'), span(`orchestrate debug ${error.attempt}`)])
  return lines
}
