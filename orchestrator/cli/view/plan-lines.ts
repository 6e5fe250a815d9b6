import { cellRows, type Mark } from '../../plan/cell-rows.ts'
import { count, list, NONE, plural, shortDuration } from '../../report/figures.ts'
import type { PlanView } from '../../server/api.ts'
import { ago } from './figures.ts'
import { jobName } from './job-name.ts'
import { type Line, type Span, span } from './line.ts'
import { table } from './table.ts'

type Job = PlanView['jobs'][number]

/** As many are shown one by one; of more, those that say the same are one row. */
const MOST_CELLS = 20

/** What a run would do: the totals first, then each cell, then each stage, with its jobs apart where they differ. */
export function planLines(plan: PlanView, now: number): Line[] {
  const rows = [...groups(plan)].map(([name, jobs]) => row(name, jobs, now))
  const columns = [
    { title: 'stage' },
    { title: 'jobs', align: 'right' as const },
    { title: 'each needs' },
    { title: '', style: 'dim' as const },
  ]
  const cells = plan.cells.length > 1 ? [...cellTable(plan), []] : []
  return [...totalLines(plan), ...cells.map(indented), ...table(columns, rows).map(indented)]
}

const indented = (line: Line): Line => (line.length === 0 ? line : [span('  '), ...line])

function totalLines({ totals }: PlanView): Line[] {
  const { cells, asked, distinct, cached, toRun } = totals
  const shared = asked === distinct ? '' : `; ${count(distinct)} ${distinct === 1 ? 'is' : 'are'} distinct`
  const asks = `${plural(cells, 'cell')} ${cells === 1 ? 'asks' : 'ask'} for ${plural(asked, 'job')}`
  return [
    [span(`${asks}${shared}: ${count(cached)} cached, ${count(toRun)} to run`, 'bold')],
    ...gpuLine(totals.gpuHours).map((text): Line => [span(text)]),
  ]
}

/** Nothing where no stage wants a GPU. */
function gpuLine({ toRun, unshared, unknown }: PlanView['totals']['gpuHours']): string[] {
  if (unshared === 0) return unknown.length === 0 ? [] : ['GPU-hours: no past attempts to tell them from']
  const rest = unknown.length === 0 ? '' : `; not counted, for want of past attempts: ${list(unknown)}`
  return [`GPU-hours, as past attempts took: ${hours(toRun)} to run, ${hours(unshared)} without sharing${rest}`]
}

const hours = (value: number): string => (value < 10 ? String(Number(value.toPrecision(2))) : count(Math.round(value)))

function cellTable(plan: PlanView): Line[] {
  const cached = new Set(plan.jobs.filter((job) => job.cached).map(({ key }) => key))
  const { stages, rows } = cellRows(plan.cells, (key) => cached.has(key), MOST_CELLS)
  const columns = [{ title: 'cell' }, ...stages.map((title) => ({ title }))]
  const lines = rows.map(({ cells, marks }) => {
    const [first = ''] = cells
    return [span(cells.length === 1 ? first : `${first} +${count(cells.length - 1)}`), ...marks.map(markSpan)]
  })
  return table(columns, lines)
}

function markSpan(mark: Mark): Span {
  switch (mark.kind) {
    case 'run':
      return span('run')
    case 'cached':
      return span('cached', 'good')
    case 'shared':
      return span(mark.with === null ? 'shared' : `with ${mark.with}`, 'dim')
    case 'absent':
      return span(NONE, 'dim')
  }
}

/** Few jobs are shown one by one, by stage and cell; many of a stage as one row for what is cached and one for what is not. */
function groups(plan: PlanView): Map<string, Job[]> {
  const few = plan.jobs.length <= 20
  return Map.groupBy(plan.jobs, (job) =>
    few ? jobName(job, plan.jobs) : `${job.stage}${job.cached ? ' (cached)' : ''}`,
  )
}

function row(name: string, jobs: Job[], now: number) {
  const [first] = jobs as [Job, ...Job[]]
  const needs = `${first.resources}${first.shards > 1 ? ` × ${plural(first.shards, 'shard')}` : ''}`
  return [span(name), span(count(jobs.length)), span(needs), span(worth(jobs, now), first.cached ? 'good' : 'dim')]
}

function worth(jobs: Job[], now: number): string {
  const seconds = jobs.reduce((sum, job) => sum + (job.seconds ?? 0), 0)
  const [first] = jobs as [Job, ...Job[]]
  const took = seconds > 0 ? shortDuration(seconds) : ''
  if (!first.cached) return took === '' ? '' : `about ${took}, as before`
  const when = first.createdAt === null ? '' : ` from ${ago(first.createdAt, now)}`
  return `cached${when}${took === '' ? '' : `, saves ${took}`}`
}
