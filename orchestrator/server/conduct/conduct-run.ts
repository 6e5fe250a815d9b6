import { faultPoint } from '../../fault-point.ts'
import { decideRun, isSaving, isStopping, type Run, type RunCommand } from '../../run/run.ts'
import { concurrently } from '../../store/concurrently.ts'
import { unpin } from '../../store/pins.ts'
import { jobsOf } from '../find.ts'
import { linkMetrics } from '../metrics-folders.ts'
import { relyOn } from '../rely-on.ts'
import { writeReport } from '../reports/write-report.ts'
import type { Context } from './context.ts'
import { supersede } from './supersede.ts'

/** Looks at one run and does what is to be done next; called once at a time for one run. */
export async function conductRun(context: Context, id: string): Promise<void> {
  const run = context.aggregates.runs.get(id)
  if (!run) return
  const commands = decideRun(run, jobsOf(context, run))
  // A run that is resumed has let go of its pins: they are back before anything leans on them.
  if (run.epoch > 0 && commands.some((command) => command.kind === 'want')) {
    await context.reporting.get(id) // or the end before might let go of what is pinned now
    await relyOn(context, id, run.submitted.jobs)
  }
  // Wants go side by side; dependants are unwanted before what they need.
  const wants = commands.filter((command) => command.kind === 'want')
  await concurrently(wants, (command) => carryOut(context, run, command))
  if (run.state === 'running') await supersede(context, run)
  for (const command of commands) if (command.kind !== 'want') await carryOut(context, run, command)
}

async function carryOut(context: Context, run: Run, command: RunCommand): Promise<void> {
  const id = run.submitted.run
  const { aggregates } = context
  switch (command.kind) {
    case 'want': {
      const { cells, priority, epoch } = command
      await aggregates.updateJob(command.key, (job) => {
        const want = job?.wants.get(id)
        return job && (!want || want.epoch < epoch) ? [{ type: 'job.wanted', run: id, epoch, cells, priority }] : []
      })
      faultPoint('want-recorded')
      await showMetrics(context, run, command.key)
      return
    }
    case 'unwant':
      await aggregates.updateJob(command.key, (job) =>
        job && (job.wants.has(id) || (command.mode === 'now' && isSaving(job)))
          ? [{ type: 'job.unwanted', run: id, mode: command.mode }]
          : [],
      )
      return
    case 'stop':
      await aggregates.updateRun(id, (now) =>
        now?.state === 'running' && now.epoch === run.epoch && !isStopping(now)
          ? [{ type: 'run.stopped', job: command.key }]
          : [],
      )
      return
    case 'finish':
      context.reporting.set(id, Promise.resolve())
      await aggregates.updateRun(id, (now) =>
        now?.state === 'running' && now.epoch === run.epoch ? [{ type: 'run.finished', state: command.state }] : [],
      )
      faultPoint('run-finished')
      context.secrets.forget(id)
      context.log.info({ run: id, state: command.state }, 'run finished')
      report(context, id)
      return
    default:
      command satisfies never
  }
}

/** That nobody can look at curves is no reason for a run to wait. */
async function showMetrics(context: Context, { submitted }: Run, key: string): Promise<void> {
  const { aggregates, settings, log } = context
  const planned = aggregates.jobs.get(key)?.planned
  if (!submitted.metrics || planned === undefined) return
  const folders = { stateDir: settings.stateDir, curves: context.engine(planned.pool).metrics }
  await linkMetrics(folders, submitted, planned).catch((error: unknown) =>
    log.warn({ err: error, run: submitted.run, job: key }, 'its metrics are not linked to from the folder of the run'),
  )
}

/** What has to last is mirrored before the end is shown; then the report. A report that fails is no reason for a run to. */
export function report(context: Context, id: string): void {
  context.reporting.set(id, write(context, id))
}

async function write(context: Context, id: string): Promise<void> {
  try {
    await context.journal.flush()
    const run = context.aggregates.runs.get(id)
    if (run) await writeReport(context, run)
    // A run that is over pins nothing: its artifacts stay as a cache, until they are collected.
    if (context.aggregates.runs.get(id)?.state !== 'running') await unpin(context.store, id)
  } catch (error) {
    context.log.error({ err: error, run: id }, 'no report, or its pins are left')
  } finally {
    context.reporting.delete(id)
    context.changes.tell()
  }
}
