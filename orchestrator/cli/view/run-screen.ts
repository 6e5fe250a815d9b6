import { plural } from '../../report/figures.ts'
import { spent } from '../../report/terminal.ts'
import type { JobView, RunView } from '../../server/api.ts'
import { jobLine, timeOf } from './job-line.ts'
import { isOver, jobName } from './job-name.ts'
import { type Line, paint, span, width } from './line.ts'
import { troubleLines } from './troubles.ts'

export type Screen = {
  columns: number /** Rows that may be used; Infinity when nothing is redrawn. */
  rows: number
  colours: boolean
  now: number
}

/** A run as it stands: what the control plane has trouble with, a header, then a line for each job. Every line fits the screen; none wraps. */
export function runScreen(view: RunView, screen: Screen): string[] {
  const columns = {
    total: screen.columns,
    name: Math.min(
      Math.max(...view.jobs.map((job) => width(jobName(job, view.jobs))), 0),
      Math.floor(screen.columns * 0.4),
    ),
    time: Math.max(...view.jobs.map((job) => width(timeOf(job, screen.now))), 4),
  }
  const account = [...warningLines(view, screen.rows), ...accountLine(view)]
  const troubles = troubleLines(view.troubles, screen.now)
  const lines = fold(view.jobs, screen.rows - 2 - account.length - troubles.length).map((row) =>
    Array.isArray(row) ? folded(row) : jobLine(row, view, columns, screen.now),
  )
  return [...troubles, header(view, screen.columns), [], ...lines, ...account].map((line) =>
    paint(line, screen.columns, screen.colours),
  )
}

/** `quickstart · run r-7k2pq · 2 cells · 8 jobs (1 shared, 3 cached) · pool local: 2 cores`; what doesn't fit is left out whole. */
export function header(view: RunView, columns: number): Line {
  const line: Line = [span(view.pipeline, 'bold')]
  let used = width(view.pipeline)
  for (const part of [`run ${view.run}`, plural(view.cells.length, 'cell'), jobsOf(view), ...view.pools.map(poolOf)]) {
    used += width(part) + 3
    if (used > columns) break
    line.push(span(` · ${part}`))
  }
  return line
}

function poolOf({ name, room }: RunView['pools'][number]): string {
  const shown = room.filter(({ of, all }) => all > 0 || of !== 'GPU').map(({ of, all }) => plural(all, of))
  return `pool ${name}: ${shown.join(', ')}`
}

/** The last thing that each unfinished job warned of, where there is room for it. */
function warningLines({ jobs }: RunView, rows: number): Line[] {
  const warned = jobs.flatMap((job): Line[] => {
    const text = isOver(job) ? undefined : job.warnings.at(-1)
    return text === undefined ? [] : [[span('  ! ', 'busy'), span(`${jobName(job, jobs)}: ${text}`)]]
  })
  return warned.slice(0, Math.min(3, Math.floor(rows / 8)))
}

/** What failures have cost so far, once there is something to tell of a run that still goes on. */
function accountLine({ goodput, state }: RunView): Line[] {
  const { share, restarting, lost, stepsComputed } = goodput
  if (state !== 'running' || share === null || restarting + lost === 0) return []
  return [
    [
      span(
        `goodput ${Math.round(share * 100)}% (${spent(goodput).join(', ')}) of ${plural(stepsComputed, 'step')} computed`,
        'dim',
      ),
    ],
  ]
}

function jobsOf(view: RunView): string {
  const shared = view.jobs.filter((job) => job.cells.length > 1).length
  const cached = view.jobs.filter((job) => job.cached).length
  const notes = [shared > 0 ? `${shared} shared` : '', cached > 0 ? `${cached} cached` : ''].filter(
    (note) => note !== '',
  )
  return plural(view.jobs.length, 'job') + (notes.length > 0 ? ` (${notes.join(', ')})` : '')
}

type Row = JobView | JobView[]

/**
 * Makes many jobs fit few rows. What needs a person stays: failed, then running; what is done is folded first, then what
 * waits, each into one row at the place of its first.
 */
function fold(jobs: JobView[], rows: number): Row[] {
  let folded: Row[] = jobs
  for (const which of [isDone, isWaiting]) {
    if (folded.length <= rows) return folded
    folded = foldWhere(folded, which)
  }
  if (folded.length <= rows) return folded
  const order = (row: Row) => (Array.isArray(row) ? 1 : row.state === 'failed' ? 0 : 2)
  const kept = new Set([...folded].sort((a, b) => order(a) - order(b)).slice(0, Math.max(1, rows - 1)))
  const rest = folded.filter((row) => !kept.has(row)).flat()
  return [...folded.filter((row) => kept.has(row)), rest]
}

const isDone = (job: JobView) => job.state === 'succeeded' || job.state === 'cancelled'
const isWaiting = (job: JobView) => !isOver(job) && job.state !== 'running'

function foldWhere(rows: Row[], which: (job: JobView) => boolean): Row[] {
  const matching = rows.filter((row): row is JobView => !Array.isArray(row) && which(row))
  if (matching.length < 2) return rows
  return rows.flatMap((row): Row[] =>
    row === matching[0] ? [matching] : matching.includes(row as JobView) ? [] : [row],
  )
}

function folded(jobs: JobView[]): Line {
  const states = new Map<string, number>()
  for (const job of jobs) {
    const word = job.cached ? 'cached' : job.state
    states.set(word, (states.get(word) ?? 0) + 1)
  }
  const mark = jobs.every((job) => job.state === 'succeeded') ? '✔' : jobs.every(isWaiting) ? '◌' : '…'
  const words = [...states].map(([word, n]) => `${n} ${word}`).join(', ')
  return [span(`  ${mark} `, 'dim'), span(`${plural(jobs.length, 'job')}: ${words}`, 'dim')]
}
