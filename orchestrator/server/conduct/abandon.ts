import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Observation } from '../../engines/engine.ts'
import { isActive } from '../../run/job.ts'
import { ownerOf } from '../../store/control.ts'
import { readClaims } from '../../store/fences.ts'
import type { NewJobEvent } from '../aggregates.ts'
import type { Context } from './context.ts'
import { type ActiveAttempt, activeAttempts } from './reconcile.ts'

/** How the attempts that the ledger takes for active really are. */
export type Seen = { running: number; exited: number; lost: number }

/**
 * Attempts that can't be watched from here count as lost, and are placed again without spending a retry; their fences
 * keep them from harm. That is: another state directory's, and those whose directory has gone.
 */
export async function abandonLost(context: Context): Promise<Seen> {
  const seen = await observeAttempts(context)
  for (const { job, pool, capacity, attempt, host, shard, fence, startedAt } of seen.unclaimed) {
    if (existsSync(join(context.engine(pool).directory(attempt), 'job.json'))) continue // its launcher may yet come
    if (startedAt === null && (await isOurs(context, job, shard, fence))) continue // it is launched now
    seen.lost += 1
    context.log.warn({ attempt, host }, 'an attempt that is not here counts as lost')
    await context.aggregates.updateJob(
      job,
      (now) => {
        const state = now?.shards[shard]
        return state && isActive(state) && state.fence === fence ? [lost(shard, fence)] : []
      },
      { pool: capacity, attempt },
    )
  }
  return seen
}

/** One look at each pool for all of its attempts. */
export async function observeAll(context: Context, attempts: ActiveAttempt[]): Promise<Map<string, Observation>> {
  const looks = [...Map.groupBy(attempts, ({ pool }) => pool)].map(([pool, of]) =>
    context.engine(pool).observe(of.map(({ attempt }) => attempt)),
  )
  return new Map((await Promise.all(looks)).flatMap((seen) => [...seen]))
}

/** How the attempts are that the ledger takes for active. */
export async function observeAttempts(context: Context): Promise<Seen & { unclaimed: ActiveAttempt[] }> {
  const active = activeAttempts(context)
  const observed = await observeAll(context, active)
  const states = active.map(({ attempt }) => observed.get(attempt)?.state)
  const count = (state: string): number => states.filter((one) => one === state).length
  const unclaimed = active.filter((_, index) => states[index] === 'unclaimed')
  return { running: count('running'), exited: count('exited'), lost: 0, unclaimed }
}

const lost = (shard: number, fence: number): NewJobEvent => ({
  type: 'attempt.exited',
  shard,
  fence,
  outcome: { kind: 'nodeLost' },
  step: null,
  reached: null,
})

/** Whether a fence was claimed by a control plane of this state directory. */
async function isOurs(context: Context, key: string, shard: number, fence: number): Promise<boolean> {
  const claim = (await readClaims(context.store, key, shard)).find((one) => one.fence === fence)?.claim
  const owner = claim?.epoch === undefined ? null : await ownerOf(context.store, claim.epoch)
  return owner !== null && owner.stateDir === context.settings.stateDir && owner.host === context.host
}
