import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { MetricValue } from '../../protocol/worker-event.ts'
import type { Job } from '../../run/job.ts'
import { cellState, type Run, type RunCell } from '../../run/run.ts'
import type { RunView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { jobsOf } from '../find.ts'
import { runMetricsFolder } from '../metrics-folders.ts'
import { certifiedOf } from './certified.ts'
import { addPhases, goodput, noPhases } from './goodput.ts'
import { isCached, jobView } from './job-view.ts'
import { poolViews } from './pool-view.ts'
import { toldBy } from './told-by.ts'

export async function runView(context: Context, run: Run): Promise<RunView> {
  const { submitted } = run
  const jobs = jobsOf(context, run)
  const ordered = submitted.jobs.flatMap((key) => jobs.get(key) ?? [])
  return {
    run: submitted.run,
    pipeline: submitted.pipeline,
    state: run.state,
    owner: submitted.owner,
    labels: submitted.labels,
    commit: submitted.commit,
    stoppedBy: run.stoppedBy,
    supersededBy: run.supersededBy,
    dirty: submitted.patch !== null,
    secrets: submitted.secrets,
    createdAt: submitted.at,
    endedAt: run.endedAt,
    cells: submitted.cells.map((cell) => ({
      cell: cell.name,
      state: cellState(run, cell, jobs),
      metrics: cellMetrics(cell, jobs),
      stages: cell.jobs,
    })),
    jobs: await Promise.all(ordered.map((job) => jobView(context, job, run))),
    pools: poolViews(context, ordered),
    troubles: context.troubles.list(),
    metrics: metricsView(context, run),
    goodput: await runGoodput(context, run, ordered),
    report: reportPath(context, run),
    certified: await certifiedOf(context.settings.stateDir, submitted.run),
  }
}

function metricsView({ settings }: Context, { submitted }: Run): RunView['metrics'] {
  if (!submitted.metrics) return null
  const { tensorboard, wandb } = submitted.metrics
  return { folder: runMetricsFolder(settings.stateDir, submitted.run), tensorboard, wandb: wandb?.mode ?? null }
}

/** Metrics of a cell: those of its jobs in topological order, a later one's before an earlier one's. */
export function cellMetrics(cell: RunCell, jobs: ReadonlyMap<string, Job>): Record<string, MetricValue> {
  return Object.assign({}, ...Object.values(cell.jobs).map((key) => jobs.get(key)?.metrics ?? {})) as Record<
    string,
    MetricValue
  >
}

/** The report of a run's end; null while it runs, or if the report there is of an end before a resume. */
export function reportPath(context: Context, run: Run): string | null {
  if (run.endedAt === null) return null
  const path = join(context.settings.stateDir, 'reports', run.submitted.run, 'index.html')
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs
  return made !== undefined && made >= run.endedAt ? path : null
}

async function runGoodput(context: Context, run: Run, jobs: Job[]): Promise<RunView['goodput']> {
  let sum = noPhases
  for (const job of jobs) if (!isCached(job, run)) sum = addPhases(sum, (await toldBy(context, job, run)).phases)
  return { share: goodput(sum), ...sum }
}
