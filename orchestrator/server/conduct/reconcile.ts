import { type Attempt, isActive } from '../../run/job.ts'
import { listPins, unpin } from '../../store/pins.ts'
import type { Aggregates } from '../aggregates.ts'
import { reportPath } from '../views/run-view.ts'
import { type Context, poolAggregate } from './context.ts'

/** What was found of reservations: lost ones put back, and those of nobody given back. */
export type Reconciled = { restored: number; givenBack: number }

/**
 * Makes reservations and attempts agree after a start, of this process or of Redis: every attempt that is placed or runs
 * has its reservation again, and what was reserved and never placed is given back.
 */
export async function reconcile(context: Context): Promise<Reconciled> {
  const { capacity, host, hostCapacity } = context
  // Pool local is this machine, whatever it was called before: an old name would be room that isn't there.
  const { hosts } = await capacity.free('local')
  for (const known of hosts) if (known.host !== host) await capacity.removeHost('local', known.host)
  await capacity.setHost('local', host, hostCapacity)
  let restored = 0
  for (const attempt of activeAttempts(context.aggregates))
    if (await capacity.restore(attempt.pool, attempt)) restored += 1
  return { restored, givenBack: await giveBackOrphans(context, 'local') }
}

/** Gives back what was reserved for attempts that nobody placed. Not while a placement of the pool is under way. */
export async function giveBackOrphans(context: Context, pool: string): Promise<number> {
  const active = new Set(activeAttempts(context.aggregates).map(({ attempt }) => attempt))
  let givenBack = 0
  for (const { attempt } of await context.capacity.reservations(pool)) {
    if (active.has(attempt)) continue
    // Nothing but the ledger names attempts, so this one can't be started any more.
    context.log.warn({ attempt }, 'a reservation without an attempt is given back')
    await context.capacity.release(pool, attempt)
    await context.commands.send(poolAggregate(pool))
    givenBack += 1
  }
  return givenBack
}

/**
 * Lets go of what a control plane that died has left pinned, for a run that was never submitted, or has ended and has its
 * report. Not while one is being submitted, which pins first.
 */
export async function letGoOfPins(context: Context): Promise<void> {
  const { store, aggregates } = context
  for (const id of (await listPins(store)).keys()) {
    const run = aggregates.runs.get(id)
    const isNeeded = run !== undefined && (run.state === 'running' || reportPath(context, run) === null)
    if (!isNeeded) await unpin(store, id)
  }
}

/** One that is placed or runs: of which job, and of which pool it has something. */
export type ActiveAttempt = Attempt & { job: string; pool: string }

export function activeAttempts(aggregates: Aggregates): ActiveAttempt[] {
  return [...aggregates.jobs.values()].flatMap((job) =>
    job.attempts.flatMap((attempt) => {
      const shard = job.shards[attempt.shard]
      const active = shard && isActive(shard) && shard.fence === attempt.fence
      return active ? [{ ...attempt, job: job.key, pool: job.planned.pool }] : []
    }),
  )
}
