import type { Engine } from '../../engines/engine.ts'
import type { Context } from './context.ts'
import { readJobFile } from './read-job-file.ts'

/**
 * Asks attempts to save and end that run, or are queued, and that no ledger knows, now that it has been completed: their run was
 * never acknowledged and got lost with Redis, or they were replaced. Nobody would ever collect what they make, and
 * nobody counts what they use. Those of another store are another control plane's business. Returns how many.
 */
export async function endStrays(context: Context): Promise<number> {
  const known = new Set(
    [...context.aggregates.jobs.values()].flatMap((job) => job.attempts.map(({ attempt }) => attempt)),
  )
  const ended = new Set<string>()
  for (const { pool, engine } of context.pools.list)
    for (const attempt of await livingIn(context, engine)) {
      if (known.has(attempt) || ended.has(attempt)) continue
      if ((await readJobFile(context, pool.name, attempt))?.store.url !== context.settings.store.url) continue
      context.log.warn({ attempt }, 'an attempt that no ledger knows is asked to save and end')
      if ((await engine.revoke(attempt)) === 'running') await engine.signal(attempt, 'SIGTERM')
      ended.add(attempt)
    }
  return ended.size
}

/** None where the engine can't tell now: what only it knows is found at the next comparison. */
async function livingIn({ log }: Context, engine: Engine): Promise<Set<string>> {
  try {
    return await engine.living()
  } catch (error) {
    log.warn({ err: error }, 'attempts that no ledger knows were not looked for')
    return new Set()
  }
}
