import { clock, count, measured, shortDuration } from '../../report/figures.ts'
import type { JobView, Progress, RunView } from '../../server/api.ts'
import { bar, sparkline } from './figures.ts'
import { isOver, jobName, unfinishedNeeds } from './job-name.ts'
import { type Line, padEnd, type Span, type Style, span, truncate, width } from './line.ts'

/** What all lines of one screen share. */
export type Columns = { total: number; name: number; time: number }

const marks: Record<JobView['state'], [string, Style]> = {
  waiting: ['◌', 'dim'],
  ready: ['◔', 'dim'],
  placed: ['◔', 'busy'],
  running: ['◐', 'busy'],
  exited: ['◐', 'busy'],
  succeeded: ['✔', 'good'],
  failed: ['✘', 'bad'],
  cancelled: ['■', 'dim'],
}

/** One job on a live screen: mark, name, time, and what matters of it in its state. */
export function jobLine(job: JobView, view: RunView, columns: Columns, now: number): Line {
  const [mark, style] = marks[job.state]
  const inputFailed = job.state === 'failed' && job.error?.input !== undefined
  const name = padEnd(truncate(jobName(job, view.jobs), columns.name), columns.name)
  const head = [
    span(`  ${inputFailed ? '⊘' : mark} `, inputFailed ? 'dim' : style),
    span(name, job.state === 'waiting' || inputFailed ? 'dim' : 'plain'),
  ]
  const hasTime = timeOf(job, now) !== ''
  // What waits has no time to show: its reason starts where the times do, and may run on.
  if (!hasTime) head.push(span('  '))
  else head.push(span('  '), span(padEnd(timeOf(job, now), columns.time), 'dim'), span('  '))
  const used = head.reduce((sum, part) => sum + width(part.text), 0)
  return [...head, ...details(job, view, columns.total - used)]
}

export function timeOf(job: JobView, now: number): string {
  if (job.cached) return 'cached'
  if (job.startedAt === null) return ''
  if (isOver(job)) return shortDuration(Math.max(0, (job.endedAt ?? now) - job.startedAt) / 1000)
  return job.state === 'running' || job.state === 'exited' ? clock(Math.max(0, now - job.startedAt) / 1000) : ''
}

function details(job: JobView, view: RunView, room: number): Span[] {
  switch (job.state) {
    case 'succeeded':
      return [span(job.summary ?? metricsOf(job), 'dim')]
    case 'failed':
      return [span(job.error?.message ?? 'failed', job.error?.input === undefined ? 'bad' : 'dim')]
    case 'cancelled':
      return [span('stopped', 'dim')]
    case 'placed':
      return [span(job.waits?.reason ?? 'starting', 'dim')]
    case 'waiting':
    case 'ready':
      return [span(waitingFor(job, view), 'dim')]
    case 'exited':
      return [span(job.waits?.reason ?? job.error?.message ?? 'ended; looking at what it left', 'dim')]
    case 'running':
      return running(job, room)
  }
}

/** Why a job isn't running, in a few words. */
export function waitingFor(job: JobView, view: RunView): string {
  // The run knows its jobs by cell, the job's own reason only by stage.
  const needs = job.state === 'waiting' ? unfinishedNeeds(job, view).map((need) => jobName(need, view.jobs)) : []
  if (needs.length > 0) return `waits for ${needs.join(', ')}`
  const reason = job.waits?.reason ?? 'waits'
  return /^(waits?|tries|about)\b/.test(reason) ? reason : `waits: ${reason}`
}

type Part = {
  spans: Span[]
  /** What goes first when there is no room: the highest. */
  rank: number
  /** Blanks before it. */
  gap: number
}

function running(job: JobView, room: number): Span[] {
  const shards = job.shards.total > 1 ? [text(`${job.shards.done}/${job.shards.total} shards`, 2)] : []
  if (job.waits !== null) {
    const at = job.progress ? [text(`${count(job.progress.step)}/${count(job.progress.of)}`, 1)] : []
    return dropToFit([...at, text(job.waits.reason, 0)], room)
  }
  if (job.progress === null) return dropToFit([...shards, text('starting', 3, 'dim')], room)
  const parts = [barPart(job.progress, room), ...shards, ...progressParts(job.progress)]
  if (job.attempts > Math.max(1, job.shards.total)) parts.push(text(`attempt ${job.attempts}`, 6, 'dim'))
  return dropToFit(parts, room)
}

function progressParts(progress: Progress): Part[] {
  const { step, of, unit, rate, eta, loss, curve, savedAt } = progress
  const parts = [text(`${count(step)}/${count(of)}`, 0), { ...text(unit, 4), gap: 1 }]
  if (rate !== null) parts.push(text(`${rate >= 100 ? count(rate) : rate.toFixed(1)}/s`, 8, 'dim'))
  if (loss !== null) parts.push(text(`loss ${measured(loss)}`, 5))
  const line = sparkline(curve, 8)
  if (line !== '') parts.push({ ...text(line, 9, 'busy'), gap: 1 })
  if (eta !== null) parts.push(text(`ETA ${clock(Math.max(0, eta))}`, 1))
  if (savedAt !== null) parts.push(text(`saved @${savedAt}`, 7, 'dim'))
  return parts
}

/** As wide on every line of a screen, so that bars can be compared. */
function barPart(progress: Progress, room: number): Part {
  const columns = room >= 86 ? 20 : room >= 70 ? 16 : room >= 48 ? 12 : 8
  const { done, left } = bar(progress.of > 0 ? progress.step / progress.of : 0, columns)
  return { spans: [span(done, 'busy'), span(left, 'dim')], rank: 3, gap: 2 }
}

const text = (words: string, rank: number, style: Style = 'plain'): Part => ({
  spans: [span(words, style)],
  rank,
  gap: 2,
})

const widthOf = (parts: Part[]) =>
  parts.reduce(
    (sum, { spans, gap }, index) =>
      sum + (index === 0 ? 0 : gap) + spans.reduce((all, one) => all + width(one.text), 0),
    0,
  )

/** Leaves out whole parts, least important first, until the rest fits. */
function dropToFit(parts: Part[], room: number): Span[] {
  let kept = parts
  while (kept.length > 1 && widthOf(kept) > room) {
    const last = Math.max(...kept.map((part) => part.rank))
    kept = kept.filter((part) => part.rank !== last)
  }
  return kept.flatMap(({ spans, gap }, index) => (index === 0 ? spans : [span(' '.repeat(gap)), ...spans]))
}

/** Measured values of a job that gave no summary. */
export function metricsOf(job: Pick<JobView, 'metrics'>): string {
  const shown = Object.entries(job.metrics).slice(0, 3)
  return shown
    .map(([name, value]) => `${name} ${typeof value === 'number' ? measured(value) : `${value.k}/${value.n}`}`)
    .join(', ')
}
