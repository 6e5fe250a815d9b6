import type { Context } from './context.ts'
import { readJobFile } from './read-job-file.ts'

/**
 * Asks attempts to save and end that run here and that no ledger knows, now that it has been completed: their run was
 * never acknowledged and got lost with Redis, or they were replaced. Nobody would ever collect what they make, and
 * nobody counts what they use. Those of another store are another control plane's business. Returns how many.
 */
export async function endStrays(context: Context): Promise<number> {
  const known = new Set(
    [...context.aggregates.jobs.values()].flatMap((job) => job.attempts.map(({ attempt }) => attempt)),
  )
  const ended = new Set<string>()
  for (const { pool, engine } of context.pools.list)
    for (const attempt of await engine.living()) {
      if (known.has(attempt) || ended.has(attempt)) continue
      if ((await readJobFile(context, pool.name, attempt))?.store.url !== context.settings.store.url) continue
      context.log.warn({ attempt }, 'an attempt that no ledger knows is asked to save and end')
      await engine.signal(attempt, 'SIGTERM')
      ended.add(attempt)
    }
  return ended.size
}
