import { randomUUID } from 'node:crypto'
import { faultPoint } from '../../fault-point.ts'
import type { Reservation } from '../../ledger/capacity.ts'
import { limits } from '../../limits.ts'
import { isWanted, type Job } from '../../run/job.ts'
import { resumeOrder } from '../../store/checkpoints.ts'
import { claimFence, lastFence } from '../../store/fences.ts'
import { nextOf, type Turn } from '../line-up.ts'
import { type Context, capacityOf, linesOf } from './context.ts'
import { giveBackOrphans } from './reconcile.ts'

type Candidate = { job: Job; shard: number; turn: Turn }

export const attemptId = (key: string, shards: number, shard: number, fence: number): string =>
  shards > 1 ? `a-${key.slice(0, 10)}-${shard}-${fence}` : `a-${key.slice(0, 10)}-${fence}`

/**
 * Places what waits for pools whose capacity is counted together: by priority, then by arrival, and strictly so. What comes later doesn't overtake a job
 * that finds no room, else a large one could wait behind small ones for ever.
 */
export async function placeIn(context: Context, capacity: string): Promise<void> {
  const { owing, full } = context
  if (candidates(context, capacity).next().done && !owing.has(capacity)) return
  if (!(await context.control.stillOwner())) return
  let failed: unknown = null
  full.delete(capacity)
  for (const candidate of candidates(context, capacity)) {
    const name = `${candidate.job.key}/${candidate.shard}`
    try {
      const refused = await place(context, candidate)
      if (refused === null) context.waiting.delete(name)
      else {
        wait(context, name, refused)
        full.set(capacity, { turn: candidate.turn, reason: refused })
        break
      }
    } catch (error) {
      // Its own trouble, such as a damaged object in the store: those behind it need not wait for it.
      context.log.warn({ err: error, job: candidate.job.key }, 'not placed; trying again')
      wait(context, name, `${(error as Error).message}; trying again`)
      failed = error
    }
  }
  if (owing.has(capacity) || (full.has(capacity) && isTime(context, capacity))) {
    await giveBackOrphans(context, capacity)
    owing.delete(capacity)
  }
  if (failed) throw failed
}

/** In the order of their turns; a job that joins the line meanwhile has its turn too. */
function* candidates(context: Context, capacity: string): Generator<Candidate> {
  const lines = linesOf(context, capacity)
  for (let turn = nextOf(lines, null); turn; turn = nextOf(lines, turn)) {
    const job = context.aggregates.jobs.get(turn.key)
    for (const [index, shard] of job?.shards.entries() ?? [])
      if (job && shard.state === 'idle' && shard.notBefore <= Date.now()) yield { job, shard: index, turn }
  }
}

/** Nothing but a crash between two steps leaves a reservation without an attempt: not worth a look at each placement. */
function isTime({ orphansSought }: Context, capacity: string): boolean {
  const now = performance.now()
  if (now - (orphansSought.get(capacity) ?? Number.NEGATIVE_INFINITY) < limits.daemon.sweep) return false
  orphansSought.set(capacity, now)
  return true
}

function wait(context: Context, name: string, reason: string): void {
  const since = context.waiting.get(name)?.since ?? Date.now()
  context.waiting.set(name, { reason, since })
}

/** Null when it was placed (or is no longer to be), else why not. */
async function place(context: Context, candidate: Candidate): Promise<string | null> {
  const { job, shard } = candidate
  const { planned, key } = job
  const { store, capacity } = context
  const pool = context.pools.of(planned.pool)
  if (!context.pools.has(planned.pool)) return pool.refuse(planned.resources).join('; ')
  for (;;) {
    const fence = Math.max(job.shards[shard]?.fence ?? 0, await lastFence(store, key, shard)) + 1
    const attempt = attemptId(key, planned.shards, shard, fence)
    const reserved = await capacity.reserve(pool.capacity, attempt, pool.need(planned.resources))
    if (!reserved.ok) return reserved.why
    faultPoint('capacity-reserved')
    const placed = await claimAndRecord(context, candidate, fence, attempt, reserved)
    if (placed !== 'lost') return null
  }
}

/** Claims the fence and writes the placement down; the reservation is given back unless both were done. */
async function claimAndRecord(
  context: Context,
  { job, shard }: Candidate,
  fence: number,
  attempt: string,
  reserved: Reservation,
): Promise<'placed' | 'not wanted' | 'lost'> {
  const { planned, key } = job
  const { store, aggregates } = context
  const server = context.redis.compared
  let placed = false
  try {
    const resume = await resumeOrder(store, key, shard)
    const body = {
      attempt,
      epoch: context.control.epoch,
      nonce: randomUUID(),
      host: reserved.host,
      parent: resume[0] ?? null,
      at: Date.now(),
    }
    if (!(await claimFence(store, key, shard, fence, body))) return 'lost'
    faultPoint('fence-claimed')
    const { cores } = planned.resources
    const after = await aggregates.updateJob(key, (now) => {
      const state = now?.shards[shard]
      const stillIdle = now && now.phase === 'open' && isWanted(now) && state?.state === 'idle' && state.fence < fence
      // A Redis that was started anew meanwhile may have lost the reservation.
      return stillIdle && context.redis.compared === server
        ? [{ type: 'attempt.placed', shard, fence, attempt, host: reserved.host, cores, gpus: reserved.gpus, resume }]
        : []
    })
    placed = after?.shards[shard]?.fence === fence
    if (!placed) return 'not wanted'
    faultPoint('placed-recorded')
    const { host } = reserved
    context.log.info({ job: key, stage: planned.stage, attempt, host, resume: resume[0] ?? null }, 'placed')
    return 'placed'
  } catch (error) {
    // The append may have happened all the same, its answer lost: only the ledger knows. Where it can't be asked, the
    // reservation stays: what turns out to be nobody's is given back later.
    placed = true
    await aggregates.refreshJob(key)
    placed = aggregates.jobs.get(key)?.shards[shard]?.fence === fence
    throw error
  } finally {
    if (!placed) await giveBack(context, capacityOf(context, job), attempt)
  }
}

async function giveBack(context: Context, capacity: string, attempt: string): Promise<void> {
  try {
    await context.capacity.release(capacity, attempt)
  } catch (error) {
    context.owing.add(capacity)
    throw error
  }
}
