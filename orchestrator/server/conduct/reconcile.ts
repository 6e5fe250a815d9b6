import { type Attempt, isActive } from '../../run/job.ts'
import { listPins, unpin } from '../../store/pins.ts'
import { reportPath } from '../views/run-view.ts'
import { type Context, capacityAggregate, capacityOf } from './context.ts'

/** What was found of reservations: lost ones put back, and those of nobody given back. */
export type Reconciled = { restored: number; givenBack: number }

/**
 * Makes reservations and attempts agree after a start, of this process or of Redis: every attempt that is placed or runs
 * has its reservation again, and what was reserved and never placed is given back.
 */
export async function reconcile(context: Context): Promise<Reconciled> {
  const capacities = [...context.pools.byCapacity().keys()]
  for (const capacity of capacities) await setHosts(context, capacity)
  let restored = 0
  for (const attempt of activeAttempts(context)) {
    const need = reservedBy(context, attempt)
    if (await context.capacity.restore(attempt.capacity, { ...attempt, ...need })) restored += 1
  }
  let givenBack = 0
  for (const capacity of capacities) givenBack += await giveBackOrphans(context, capacity)
  return { restored, givenBack }
}

/** Makes the hosts of a capacity those that its pools have now: one of before would be room that isn't there. */
export async function setHosts({ pools, capacity }: Context, name: string): Promise<void> {
  const hosts = new Map((pools.byCapacity().get(name) ?? []).flatMap((pool) => [...pool.hosts()]))
  const { hosts: known } = await capacity.free(name)
  for (const { host } of known) if (!hosts.has(host)) await capacity.removeHost(name, host)
  for (const [host, has] of hosts) await capacity.setHost(name, host, has)
}

/** What an attempt has of its host, as it was reserved: not always what it uses. */
function reservedBy(
  { pools, aggregates }: Context,
  { job, pool, gpus }: ActiveAttempt,
): { cores: number; gpus: string[] } {
  const planned = aggregates.jobs.get(job)?.planned
  return { cores: planned ? pools.of(pool).need(planned.resources).cores : 0, gpus }
}

/** Gives back what was reserved for attempts that nobody placed. Not while a placement of the pool is under way. */
export async function giveBackOrphans(context: Context, capacity: string): Promise<number> {
  const active = new Set(activeAttempts(context).map(({ attempt }) => attempt))
  let givenBack = 0
  for (const { attempt } of await context.capacity.reservations(capacity)) {
    if (active.has(attempt)) continue
    // Nothing but the ledger names attempts, so this one can't be started any more.
    context.log.warn({ attempt }, 'a reservation without an attempt is given back')
    await context.capacity.release(capacity, attempt)
    await context.commands.send(capacityAggregate(capacity))
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

/** One that is placed or runs: of which job, in which pool, and of which capacity it has something. */
export type ActiveAttempt = Attempt & { job: string; pool: string; capacity: string }

export function activeAttempts({ aggregates, pools }: Pick<Context, 'aggregates' | 'pools'>): ActiveAttempt[] {
  return [...aggregates.index.unfinished.values()].flatMap((job) =>
    job.attempts.flatMap((attempt) => {
      const shard = job.shards[attempt.shard]
      const active = shard && isActive(shard) && shard.fence === attempt.fence
      return active ? [{ ...attempt, job: job.key, pool: job.planned.pool, capacity: capacityOf({ pools }, job) }] : []
    }),
  )
}
