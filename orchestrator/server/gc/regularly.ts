import type { Context } from '../conduct/context.ts'
import type { Undo } from '../undo.ts'

/** The longest that a timer can wait. */
const LONGEST = 2 ** 31 - 1

/** Collects garbage now and then, so that what trainings save doesn't fill the store. Not at once: a start has better things to do. */
export function collectRegularly(context: Context, undo: Undo): void {
  const { collector, log, settings } = context
  const { everyMs, ages, grace } = settings.gc
  if (everyMs === null) return
  const pass = async (): Promise<void> => {
    if (!(await context.control.stillOwner())) return
    const { decisions, skipped } = await collector.pass({ ages, grace })
    const deleted = decisions.filter(({ action }) => action === 'delete')
    const bytes = deleted.reduce((sum, one) => sum + one.bytes, 0)
    if (deleted.length > 0) log.info({ deleted: deleted.length, bytes }, 'garbage collected')
    for (const { job, problem } of skipped) log.warn({ job, problem }, 'not collected')
  }
  let collecting: Promise<void> | null = null
  const timer = setInterval(
    () => {
      collecting ??= pass()
        .catch((error: unknown) => log.warn({ err: error }, 'garbage not collected; the next pass goes on'))
        .finally(() => {
          collecting = null
        })
    },
    Math.min(everyMs, LONGEST),
  )
  undo.push(async () => {
    clearInterval(timer)
    await collector.close()
    await collecting
  })
}
