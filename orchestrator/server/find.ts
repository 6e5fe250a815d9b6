import { OrchestrateError } from '../errors.ts'
import type { Attempt, Job } from '../run/job.ts'
import type { Run } from '../run/run.ts'
import type { Context } from './conduct/context.ts'

export const newestFirst = (context: Context): Run[] =>
  [...context.aggregates.runs.values()].sort((a, b) => b.submitted.at - a.submitted.at)

/** The runs of a pipeline, newest first. */
export const runsOf = (context: Context, pipeline: string): Run[] =>
  newestFirst(context).filter(({ submitted }) => submitted.pipeline === pipeline)

/** The jobs of a run by key, as far as the ledger has them. */
export function jobsOf(context: Context, run: Run): Map<string, Job> {
  const found = run.submitted.jobs.map((key) => [key, context.aggregates.jobs.get(key)] as const)
  return new Map(found.filter((pair): pair is readonly [string, Job] => pair[1] !== undefined))
}

export function findRun(context: Context, ref: string): Run {
  const run = ref === 'latest' ? newestFirst(context)[0] : context.aggregates.runs.get(ref)
  if (!run)
    throw new OrchestrateError('RUN_NOT_FOUND', ref === 'latest' ? 'there is no run yet' : `there is no run ${ref}`)
  return run
}

/** A job by key, by at least 4 digits of it, or by `stage` or `stage[cell]` within a run (the newest that has it). */
export function findJob(context: Context, ref: string, runRef: string | undefined): { job: Job; run: Run | null } {
  const runs = runRef ? [findRun(context, runRef)] : newestFirst(context)
  if (/^[0-9a-f]{4,64}$/.test(ref)) {
    const matches = [...context.aggregates.jobs.values()].filter((job) => job.key.startsWith(ref))
    if (matches.length > 1) throw new OrchestrateError('JOB_AMBIGUOUS', `${matches.length} jobs start with ${ref}`)
    const job = matches[0]
    if (job) return { job, run: runs.find((run) => run.submitted.jobs.includes(job.key)) ?? null }
  }
  const [, stage, cell] = /^([^[\]]+)(?:\[(.+)\])?$/.exec(ref) ?? []
  for (const run of runs) {
    const cells = run.submitted.cells.filter((one) => cell === undefined || sameCell(one.name, cell))
    const keys = new Set(cells.flatMap((one) => one.jobs[stage ?? ''] ?? []))
    if (keys.size > 1)
      throw new OrchestrateError(
        'JOB_AMBIGUOUS',
        `${ref} is ${keys.size} jobs in ${run.submitted.run}: ${cells.map((one) => `${stage}[${one.name}]`).join(', ')}`,
      )
    const job = jobsOf(context, run).get([...keys][0] ?? '')
    if (job) return { job, run }
  }
  throw new OrchestrateError('JOB_NOT_FOUND', `there is no job ${ref}${runRef ? ` in ${runRef}` : ''}`)
}

const sameCell = (name: string, given: string): boolean => name === given || name.split(',').join(', ') === given

export function findAttempt(context: Context, id: string): { job: Job; attempt: Attempt } {
  for (const job of context.aggregates.jobs.values()) {
    const attempt = job.attempts.find((one) => one.attempt === id)
    if (attempt) return { job, attempt }
  }
  throw new OrchestrateError('ATTEMPT_NOT_FOUND', `there is no attempt ${id}`)
}
