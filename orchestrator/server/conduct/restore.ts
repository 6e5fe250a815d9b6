import { isActive } from '../../run/job.ts'
import { listJournals, readJournal } from '../../store/journal.ts'
import type { Context } from './context.ts'

/**
 * Puts back what the store's journal knows and the ledger doesn't: Redis came back empty, or another state directory had
 * the store before. Returns the keys of the jobs that came back.
 */
export async function restoreFromJournal(context: Context): Promise<Set<string>> {
  const { store, ledger } = context
  const jobs = new Set<string>()
  for (const kind of ['job', 'run'] as const) {
    const [journaled, known] = await Promise.all([listJournals(store, kind), ledger.aggregates(kind)])
    const there = new Set(known)
    for (const aggregate of journaled.filter((name) => !there.has(name))) {
      const events = await readJournal(store, aggregate)
      if (events.length === 0) continue
      await ledger.restore(aggregate, events as object[])
      if (kind === 'job') jobs.add(aggregate.slice('job/'.length))
      context.log.info({ aggregate, events: events.length }, 'restored from the store')
    }
  }
  return jobs
}

/**
 * Of jobs that came back: attempts that this state directory has never had were another's. Nobody here can watch them,
 * and their fences keep them from harm, so they count as lost, and are placed again without spending a retry.
 */
export async function abandonForeign(context: Context, jobs: ReadonlySet<string>): Promise<void> {
  for (const key of jobs) {
    const job = context.aggregates.jobs.get(key)
    if (!job) continue
    for (const [index, shard] of job.shards.entries()) {
      const attempt = isActive(shard)
        ? job.attempts.findLast((one) => one.shard === index && one.fence === shard.fence)
        : undefined
      if (!attempt) continue
      const seen = (await context.engine(job.planned.pool).observe([attempt.attempt])).get(attempt.attempt)
      if (seen?.state !== 'unclaimed') continue
      context.log.warn(
        { attempt: attempt.attempt, host: attempt.host },
        'an attempt of another state directory counts as lost',
      )
      const lost = {
        type: 'attempt.exited',
        shard: index,
        fence: shard.fence,
        outcome: { kind: 'nodeLost' },
        step: null,
        reached: null,
      } as const
      await context.aggregates.updateJob(key, (now) =>
        now?.shards[index]?.fence === shard.fence && isActive(now.shards[index]) ? [lost] : [],
      )
    }
  }
}
