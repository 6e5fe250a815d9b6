import { isOver, type Job } from '../../run/job.ts'
import type { Run } from '../../run/run.ts'
import type { AttemptLog } from '../attempt-log.ts'
import type { Context } from '../conduct/context.ts'
import { jobPhases, type Phases } from './goodput.ts'
import { warningsOf } from './warnings.ts'

export type Told = { warnings: string[]; phases: Phases }

/** By job, and by the run that they are told for. */
const known = new WeakMap<Job, Map<string, Told>>()

/**
 * What the logs of a job's attempts say for a view of a run. Those of a job that is over say nothing new: they are read
 * once, not each time that somebody looks.
 */
export async function toldBy(context: Context, job: Job, { submitted, endedAt }: Run): Promise<Told> {
  const before = known.get(job)?.get(submitted.run)
  if (before) return before
  const [warnings, logs] = await Promise.all([warningsOf(context, job), logsOf(context, job)])
  const told = { warnings, phases: jobPhases(job, logs, submitted.at, endedAt ?? Date.now()) }
  if (isOver(job)) known.set(job, (known.get(job) ?? new Map()).set(submitted.run, told))
  return told
}

export async function logsOf(context: Context, job: Job): Promise<Map<string, AttemptLog>> {
  return new Map(
    await Promise.all(job.attempts.map(async ({ attempt }) => [attempt, await context.logs.get(attempt)] as const)),
  )
}
