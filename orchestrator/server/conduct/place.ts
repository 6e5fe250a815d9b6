import { randomUUID } from 'node:crypto'
import { faultPoint } from '../../fault-point.ts'
import type { Reservation, Reserved } from '../../ledger/capacity.ts'
import { limits } from '../../limits.ts'
import { isWanted, type Job } from '../../run/job.ts'
import { resumeOrder } from '../../store/checkpoints.ts'
import { claimFence, type FenceClaim, readClaims } from '../../store/fences.ts'
import { nextOf, type Turn } from '../line-up.ts'
import { type Context, capacityAggregate, capacityOf, type Full, linesOf } from './context.ts'
import { giveBackOrphans } from './reconcile.ts'

type Candidate = { job: Job; shard: number; turn: Turn }
type Next = { fence: number; claims: { fence: number; claim: FenceClaim }[] }

export const attemptId = (key: string, shards: number, shard: number, fence: number): string =>
  shards > 1 ? `a-${key.slice(0, 10)}-${shard}-${fence}` : `a-${key.slice(0, 10)}-${fence}`

/**
 * Places what waits for pools whose capacity is counted together: by priority, then by arrival, and strictly so. What comes later doesn't overtake a job
 * that finds no room, else a large one could wait behind small ones for ever.
 */
export async function placeIn(context: Context, capacity: string): Promise<void> {
  const { owing, full } = context
  if (candidates(context, capacity).next().done && !owing.has(capacity)) return
  let found: Full | null = null
  const failures: unknown[] = []
  let tried = 0
  for (const group of inGroups(candidates(context, capacity))) {
    // A look is not to last for minutes: whoever wants this daemon to end waits for it.
    if (tried >= limits.daemon.placedInOneLook) {
      await context.commands.send(capacityAggregate(capacity))
      break
    }
    if (!(await context.control.stillOwner())) return
    found = await placeSideBySide(context, group, failures)
    if (found) break
    tried += group.length
  }
  if (found) full.set(capacity, found)
  else full.delete(capacity)
  if (owing.has(capacity) || (found && isTime(context, capacity))) {
    await giveBackOrphans(context, capacity)
    owing.delete(capacity)
  }
  if (failures.length > 0) throw failures[0]
}

/** One, then two, then four: nothing is looked up for many where there may be room for one. */
function* inGroups(line: Iterator<Candidate, void>): Generator<Candidate[]> {
  for (let size = 1; ; size = Math.min(2 * size, limits.daemon.placedAtOnce)) {
    const group: Candidate[] = []
    for (let next = line.next(); !next.done; next = line.next()) if (group.push(next.value) === size) break
    if (group.length === 0) return
    yield group
  }
}

/**
 * Room is reserved strictly in turn; what takes long, asking the store and writing to it, is done side by side. Returns who
 * finds no room, if somebody does.
 */
async function placeSideBySide(context: Context, group: Candidate[], failures: unknown[]): Promise<Full | null> {
  const fences = await Promise.allSettled(group.map((candidate) => nextFence(context, candidate)))
  const placing: Promise<void>[] = []
  // Its own trouble, such as a damaged object in the store: those behind it need not wait for it.
  const failed = (candidate: Candidate, error: unknown): void => {
    context.log.warn({ err: error, job: candidate.job.key }, 'not placed; trying again')
    wait(context, candidate, `${(error as Error).message}; trying again`)
    failures.push(error)
  }
  let found: Full | null = null
  for (const [index, candidate] of group.entries()) {
    try {
      const fence = fences[index]
      if (fence?.status !== 'fulfilled') throw fence?.reason
      const reserved = await reserve(context, candidate, fence.value.fence)
      if (reserved.ok)
        placing.push(place(context, candidate, fence.value, reserved).catch((error) => failed(candidate, error)))
      else {
        wait(context, candidate, reserved.why)
        found = { turn: candidate.turn, reason: reserved.why }
        break
      }
    } catch (error) {
      failed(candidate, error)
    }
  }
  await Promise.all(placing)
  return found
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

const nameOf = ({ job, shard }: Candidate): string => `${job.key}/${shard}`

function wait(context: Context, candidate: Candidate, reason: string): void {
  const since = context.waiting.get(nameOf(candidate))?.since ?? Date.now()
  context.waiting.set(nameOf(candidate), { reason, since })
}

/** The fence that it may claim, and the claims there are. */
async function nextFence({ store }: Context, { job, shard }: Candidate): Promise<Next> {
  const claims = await readClaims(store, job.key, shard)
  return { fence: Math.max(job.shards[shard]?.fence ?? 0, claims.at(-1)?.fence ?? 0) + 1, claims }
}

async function reserve(context: Context, { job, shard }: Candidate, fence: number): Promise<Reserved> {
  const { key, planned } = job
  const pool = context.pools.of(planned.pool)
  if (!context.pools.has(planned.pool)) return { ok: false, why: pool.refuse(planned.resources).join('; ') }
  const attempt = attemptId(key, planned.shards, shard, fence)
  const reserved = await context.capacity.reserve(pool.capacity, attempt, pool.need(planned.resources))
  if (reserved.ok) faultPoint('capacity-reserved')
  return reserved
}

async function place(context: Context, candidate: Candidate, next: Next, reserved: Reservation): Promise<void> {
  const placed = await claimAndRecord(context, candidate, next, reserved)
  if (placed !== 'lost') context.waiting.delete(nameOf(candidate))
  // Somebody else has claimed that fence: the next look takes a higher one.
  else await context.commands.send(capacityAggregate(capacityOf(context, candidate.job)))
}

/** Claims the fence and writes the placement down; the reservation is given back unless both were done. */
async function claimAndRecord(
  context: Context,
  { job, shard }: Candidate,
  { fence, claims }: Next,
  reserved: Reservation,
): Promise<'placed' | 'not wanted' | 'lost'> {
  const { planned, key } = job
  const { store, aggregates } = context
  const { attempt } = reserved
  const server = context.redis.compared
  let placed = false
  try {
    const resume = await resumeOrder(store, key, shard, claims)
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
