import { isSupersededBy, type Run } from '../../run/run.ts'
import { runAggregate } from '../aggregates.ts'
import type { Context } from './context.ts'

/**
 * Stops the runs that this one takes the place of, at their next checkpoint. To be called when this one wants its jobs: those
 * that both want go on. Asked at each look, so that a control plane that dies in between forgets none.
 */
export async function supersede(context: Context, newer: Run): Promise<void> {
  if (newer.submitted.supersedes === undefined || newer.cancelled) return
  const by = newer.submitted.run
  for (const older of [...context.aggregates.runs.values()].filter((run) => isSupersededBy(run, newer))) {
    const id = older.submitted.run
    await context.aggregates.updateRun(id, (now) =>
      now && isSupersededBy(now, newer) ? [{ type: 'run.cancelled', mode: 'save', by }] : [],
    )
    context.log.info({ run: id, by }, 'run superseded')
    await context.commands
      .send(runAggregate(id))
      .catch((error: unknown) => context.log.warn({ err: error, run: id }, 'no look was asked for; the sweep comes by'))
  }
}
