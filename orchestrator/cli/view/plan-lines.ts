import { plural, shortDuration } from '../../report/figures.ts'
import type { PlanView } from '../../server/api.ts'
import { ago } from './figures.ts'
import { jobName } from './job-name.ts'
import { type Line, span } from './line.ts'
import { table } from './table.ts'

type Job = PlanView['jobs'][number]

/** What a run would do: the count first, then each stage, with the jobs of a stage apart where they differ. */
export function planLines(plan: PlanView, now: number): Line[] {
  const asked = plan.cells.reduce((sum, { stages }) => sum + Object.keys(stages).length, 0)
  const cached = plan.jobs.filter((job) => job.cached).length
  const distinct = asked === plan.jobs.length ? '' : `; ${plan.jobs.length} are distinct`
  const head = `${plural(plan.cells.length, 'cell')} ${plan.cells.length === 1 ? 'asks' : 'ask'} for ${plural(asked, 'job')}${distinct}: ${cached} cached, ${plan.jobs.length - cached} to run`
  const rows = [...groups(plan)].map(([name, jobs]) => row(name, jobs, now))
  const columns = [
    { title: 'stage' },
    { title: 'jobs', align: 'right' as const },
    { title: 'each needs' },
    { title: '', style: 'dim' as const },
  ]
  return [[span(head, 'bold')], ...table(columns, rows).map((line): Line => [span('  '), ...line])]
}

/** Few jobs are shown one by one, by stage and cell; many of a stage as one row for what is cached and one for what is not. */
function groups(plan: PlanView): Map<string, Job[]> {
  const found = new Map<string, Job[]>()
  for (const job of plan.jobs) {
    const name = plan.jobs.length <= 20 ? jobName(job, plan.jobs) : `${job.stage}${job.cached ? ' (cached)' : ''}`
    found.set(name, [...(found.get(name) ?? []), job])
  }
  return found
}

function row(name: string, jobs: Job[], now: number) {
  const [first] = jobs as [Job, ...Job[]]
  const needs = `${first.resources}${first.shards > 1 ? ` × ${plural(first.shards, 'shard')}` : ''}`
  return [span(name), span(String(jobs.length)), span(needs), span(worth(jobs, now), first.cached ? 'good' : 'dim')]
}

function worth(jobs: Job[], now: number): string {
  const seconds = jobs.reduce((sum, job) => sum + (job.seconds ?? 0), 0)
  const [first] = jobs as [Job, ...Job[]]
  const took = seconds > 0 ? shortDuration(seconds) : ''
  if (!first.cached) return took === '' ? '' : `about ${took}, as before`
  const when = first.createdAt === null ? '' : ` from ${ago(first.createdAt, now)}`
  return `cached${when}${took === '' ? '' : `, saves ${took}`}`
}
