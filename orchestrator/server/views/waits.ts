import { blockedStreak } from '../../run/blocked.ts'
import { isWanted, type Job } from '../../run/job.ts'
import type { Outcome } from '../../run/job-events.ts'
import { jobAggregate } from '../aggregates.ts'
import { type Context, capacityOf, linesOf } from '../conduct/context.ts'

export type Waits = { reason: string; since: number; until: number | null }

/** What a job that isn't running, or seems to hang, waits for, since when, and until when if that is known. */
export function waitsOf(context: Context, job: Job): Waits | null {
  if (job.phase === 'waiting') {
    const open = job.planned.needs.flatMap((key) => {
      const input = context.aggregates.jobs.get(key)
      return input && input.phase !== 'succeeded' ? [input.planned.stage] : []
    })
    const since = Math.min(...[...job.wants.values()].map((want) => want.at), Date.now())
    return open.length > 0 ? { reason: `waits for ${[...new Set(open)].join(', ')}`, since, until: null } : null
  }
  if (job.phase !== 'open') return null
  const failing = context.failing.get(jobAggregate(job.key))
  if (failing) return { ...failing, until: null }
  const [suspicion] = job.attempts.flatMap(({ attempt }) => context.listened.get(attempt)?.suspicion ?? [])
  if (suspicion) return { reason: suspicion.reason, since: suspicion.since, until: null }
  const held = job.shards.findIndex(
    (shard, index) => shard.state === 'placed' && context.waiting.has(`${job.key}/${index}`),
  )
  const scheduler = context.waiting.get(`${job.key}/${held}`)
  if (scheduler && !job.shards.some((shard) => shard.state === 'running'))
    return { reason: scheduler.reason, since: scheduler.since, until: scheduler.until ?? null }
  const idle = job.shards.flatMap((shard, index) => (shard.state === 'idle' ? [{ shard, index }] : []))
  const first = idle[0]
  if (!first || job.shards.some((shard) => shard.state === 'running' || shard.state === 'placed')) return null
  if (!isWanted(job)) return null
  if (first.shard.notBefore > Date.now()) {
    const last = job.attempts.findLast((attempt) => attempt.shard === first.index)
    const since = (blockedStreak(job, first.index)[0] ?? last)?.endedAt ?? Date.now()
    return { reason: reasonAfter(last?.outcome ?? null), since, until: first.shard.notBefore }
  }
  const since = job.readyAt ?? Date.now()
  const behind = behindOthers(context, job)
  if (behind) return { reason: behind, since, until: null }
  const waiting = context.waiting.get(`${job.key}/${first.index}`)
  return waiting ? { ...waiting, until: waiting.until ?? null } : { reason: 'about to be placed', since, until: null }
}

/** Why it has to wait where somebody whose turn is earlier found no room; null where it is that one itself. */
function behindOthers(context: Context, job: Job): string | null {
  const capacity = capacityOf(context, job)
  const first = context.full.get(capacity)
  const turn = context.aggregates.index.lines.get(job.planned.pool)?.turn(job.key)
  if (!first || !turn) return null
  const ahead = linesOf(context, capacity).reduce((sum, line) => sum + line.between(first.turn, turn), 0)
  if (ahead === 0) return null
  return `${first.reason}; ${ahead === 1 ? '1 job is' : `${ahead} jobs are`} ahead of it`
}

function reasonAfter(outcome: Outcome | null): string {
  return outcome && 'error' in outcome ? `${outcome.error.message} (${outcome.error.code}); tries again` : 'tries again'
}
