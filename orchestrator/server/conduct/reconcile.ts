import { type Attempt, isActive } from '../../run/job.ts'
import { type Context, poolAggregate } from './context.ts'

/**
 * Makes reservations and attempts agree after a start: every attempt that is placed or runs has its reservation again,
 * should Redis have lost it, and what a control plane that died had reserved without placing it is given back.
 */
export async function reconcile(context: Context): Promise<void> {
  const { capacity, log } = context
  const active = activeAttempts(context)
  for (const { attempt, pool, cores, gpus } of active.values()) {
    const reserved = await capacity.reserve(pool, attempt, { cores, gpus: gpus.length })
    if (!reserved.ok) log.warn({ attempt, why: reserved.why }, 'an attempt runs on more than there is')
  }
  await giveBackOrphans(context, 'local')
}

/** Gives back what was reserved for attempts that nobody placed. Not while a placement of the pool is under way. */
export async function giveBackOrphans(context: Context, pool: string): Promise<void> {
  const active = activeAttempts(context)
  for (const { attempt } of await context.capacity.reservations(pool)) {
    if (active.has(attempt)) continue
    // Nothing but the ledger names attempts, so this one can't be started any more.
    context.log.warn({ attempt }, 'a reservation without an attempt is given back')
    await context.capacity.release(pool, attempt)
    await context.commands.send(poolAggregate(pool))
  }
}

function activeAttempts(context: Context): Map<string, Attempt & { pool: string }> {
  const active = new Map<string, Attempt & { pool: string }>()
  for (const job of context.aggregates.jobs.values()) {
    for (const attempt of job.attempts) {
      const shard = job.shards[attempt.shard]
      if (shard && isActive(shard) && shard.fence === attempt.fence)
        active.set(attempt.attempt, { ...attempt, pool: job.planned.pool })
    }
  }
  return active
}
