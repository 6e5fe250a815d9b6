import { isActive } from '../../run/job.ts'
import type { Context } from './context.ts'

/**
 * Gives back what a control plane that died had reserved for attempts that it never placed. Every reservation belongs to
 * an attempt that is placed or runs; the others can't start any more, since nothing but the ledger names them.
 */
export async function reconcile(context: Context): Promise<void> {
  const active = new Set<string>()
  for (const job of context.aggregates.jobs.values()) {
    for (const attempt of job.attempts) {
      const shard = job.shards[attempt.shard]
      if (shard && isActive(shard) && shard.fence === attempt.fence) active.add(attempt.attempt)
    }
  }
  for (const { attempt } of await context.capacity.reservations('local')) {
    if (active.has(attempt)) continue
    context.log.warn({ attempt }, 'a reservation without an attempt is given back')
    await context.capacity.release('local', attempt)
  }
}
