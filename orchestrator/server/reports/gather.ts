import { readFile, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { ReportInput, ReportJob, Sample } from '../../report/input.ts'
import type { Job } from '../../run/job.ts'
import { stateName } from '../../run/job.ts'
import { cellState, type Run } from '../../run/run.ts'
import { readArtifact } from '../../store/artifacts.ts'
import type { AttemptLog } from '../attempt-log.ts'
import type { Context } from '../conduct/context.ts'
import { jobsOf } from '../find.ts'
import { cellsOf } from '../views/cells-of.ts'
import { addPhases, goodput, jobPhases, noPhases } from '../views/goodput.ts'
import { isCached, thin } from '../views/job-view.ts'
import { cellMetrics } from '../views/run-view.ts'
import { logsOf } from '../views/told-by.ts'
import { warningsOf } from '../views/warnings.ts'
import { readTrials } from './read-trials.ts'

const MAX_SAMPLE = 2 << 20
const MAX_SAMPLES = 60
const CURVE_POINTS = 200
const mimes: Record<string, string> = {
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.jpg': 'image/jpeg',
  '.mp4': 'video/mp4',
}

/** Reads ledger, store and attempt directories for the values that a report is made from. */
export async function gatherReport(context: Context, run: Run): Promise<ReportInput> {
  const { submitted } = run
  const jobs = jobsOf(context, run)
  const ordered = submitted.jobs.flatMap((key) => jobs.get(key) ?? [])
  const logs = new Map<string, Map<string, AttemptLog>>()
  for (const job of ordered) logs.set(job.key, await logsOf(context, job))
  const warnings = new Map<string, string[]>()
  for (const job of ordered) if (!isCached(job, run)) warnings.set(job.key, await warningsOf(context, job))
  const now = run.endedAt ?? Date.now()
  const phases = new Map(
    ordered.map((job) => [
      job.key,
      isCached(job, run) ? noPhases : jobPhases(job, logs.get(job.key) ?? new Map(), submitted.at, now),
    ]),
  )
  const total = [...phases.values()].reduce(addPhases, noPhases)
  const largest = ordered.toSorted(
    (a, b) => Object.keys(b.planned.code.files).length - Object.keys(a.planned.code.files).length,
  )[0]
  const last = (job: Job): AttemptLog | undefined => [...(logs.get(job.key)?.values() ?? [])].at(-1)

  const reportJob = (job: Job): ReportJob => {
    const spent = phases.get(job.key) ?? noPhases
    return {
      key: job.key,
      stage: job.planned.stage,
      entry: job.planned.entry,
      code: job.planned.code.digest,
      cells: cellsOf(run, job.key),
      state: stateName(job),
      cached: isCached(job, run),
      attempts: job.attempts.filter((attempt) => !attempt.revoked && (attempt.endedAt ?? now) >= submitted.at).length,
      shards: job.shards.length,
      config: job.planned.config,
      seconds: {
        queueing: spent.queueing,
        starting: spent.starting,
        training: spent.training,
        saving: spent.saving,
        restarting: spent.restarting,
        lost: spent.lost,
      },
      world: last(job)?.hello?.world ?? null,
      device: last(job)?.hello?.device ?? null,
      versions: last(job)?.hello?.versions ?? {},
      summary: job.summary,
      error: job.error,
      warnings: warnings.get(job.key) ?? [],
    }
  }

  return {
    madeAt: Date.now(),
    run: {
      id: submitted.run,
      pipeline: submitted.pipeline,
      file: submitted.file,
      state: run.state,
      owner: submitted.owner,
      commit: submitted.commit,
      dirty: submitted.patch !== null,
      lock: submitted.lock,
      code: largest?.planned.code.digest ?? null,
      labels: submitted.labels,
      createdAt: submitted.at,
      endedAt: run.endedAt,
      pool: ordered[0]?.planned.pool ?? null,
      data: dataOf(ordered),
    },
    spec: submitted.report,
    gates: submitted.gates ?? [],
    look: submitted.look ?? null,
    cells: submitted.cells.map((cell) => ({
      name: cell.name,
      values: cell.values,
      state: cellState(run, cell, jobs),
      metrics: cellMetrics(cell, jobs),
      jobs: cell.jobs,
    })),
    jobs: ordered.map(reportJob),
    trials: await trialsOf(context, run, jobs),
    curves: ordered.flatMap((job) => curveOf(job, logs.get(job.key))),
    samples: (await Promise.all(ordered.map((job) => samplesOf(context, job, cellsOf(run, job.key), last(job)))))
      .flat()
      .slice(0, MAX_SAMPLES),
    goodput: { share: goodput(total), ...total },
  }
}

function dataOf(jobs: Job[]): { name: string; fingerprint: string }[] {
  const found = new Map<string, string>()
  for (const job of jobs)
    for (const input of Object.values(job.planned.inputs))
      if (input?.kind === 'data') found.set(input.name, input.fingerprint)
  return [...found].map(([name, fingerprint]) => ({ name, fingerprint }))
}

async function trialsOf(context: Context, run: Run, jobs: Map<string, Job>): Promise<ReportInput['trials']> {
  const trials: ReportInput['trials'] = {}
  for (const cell of run.submitted.cells) {
    const found = []
    for (const key of Object.values(cell.jobs)) {
      const job = jobs.get(key)
      const named = Object.values(job?.planned.outputs ?? {}).some((output) => output.format === 'trials')
      if (!named || job?.phase !== 'succeeded') continue
      for (const output of Object.values((await readArtifact(context.store, key))?.outputs ?? {}))
        if (output.format === 'trials') found.push(...(await readTrials(context.store, output.files)))
    }
    if (found.length > 0) trials[cell.name] = found
  }
  return trials
}

/** A job's curve over all its attempts: what a later one computed again stands in for what was lost. */
function curveOf(job: Job, logs: Map<string, AttemptLog> | undefined): ReportInput['curves'] {
  const metrics: Record<string, Map<number, number>> = {}
  for (const log of logs?.values() ?? []) {
    for (const series of log.series.values()) {
      const points = metrics[series.name] ?? new Map<number, number>()
      metrics[series.name] = points
      for (const [step, value] of series.points) points.set(step, value)
    }
  }
  const names = Object.keys(metrics)
  if (names.length === 0) return []
  return [
    {
      job: job.key,
      metrics: Object.fromEntries(names.map((name) => [name, thinPoints([...(metrics[name] ?? [])])])),
    },
  ]
}

/** As many points as a line in a report can show, each the mean of its share, by step. */
function thinPoints(points: [step: number, value: number][]): [step: number, value: number][] {
  const sorted = points.sort(([a], [b]) => a - b)
  const steps = thin(
    sorted.map(([step]) => step),
    CURVE_POINTS,
  )
  const values = thin(
    sorted.map(([, value]) => value),
    CURVE_POINTS,
  )
  return steps.map((step, i) => [Math.round(step), values[i] ?? Number.NaN])
}

async function samplesOf(context: Context, job: Job, cells: string[], log: AttemptLog | undefined): Promise<Sample[]> {
  const attempt = job.attempts.findLast((one) => !one.revoked)
  if (!log || !attempt) return []
  const directory = context.engine(job.planned.pool).directory(attempt.attempt)
  // The last of each name: pictures that training made on the way are for the dashboard.
  const latest = [...new Map(log.samples.map((sample) => [sample.name, sample])).values()]
  const samples = latest.map(async (sample): Promise<Sample[]> => {
    const mime = mimes[extname(sample.path).toLowerCase()]
    const path = join(directory, sample.path)
    if (!mime || !path.startsWith(`${directory}/`)) return []
    const size = await stat(path).then(
      (info) => info.size,
      () => null,
    )
    if (size === null || size > MAX_SAMPLE) return []
    return [
      {
        name: sample.name,
        caption: sample.caption,
        job: job.key,
        stage: job.planned.stage,
        cells,
        mime,
        data: (await readFile(path)).toString('base64'),
      },
    ]
  })
  return (await Promise.all(samples)).flat()
}
