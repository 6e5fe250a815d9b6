import { limits } from '../../limits.ts'
import { awakeTime, isOverdue, listen, type Patience, patience, type Silence } from '../../run/hang.ts'
import { attemptOf, type Job } from '../../run/job.ts'
import type { JobError } from '../../run/job-events.ts'
import { nameHang } from '../../run/name-hang.ts'
import type { AttemptLog } from '../attempt-log.ts'
import type { Context } from './context.ts'
import { printed, sizesOf, takeEvidence } from './hang-evidence.ts'
import type { Listened } from './listened.ts'
import { terminate } from './watch.ts'

const TICK_MS = 1000
/** How long the ranks have to say where they are, and to go on after all. */
const ANSWER_MS = 5000

/**
 * Looks for attempts that make no progress, until the returned function is called. Silence is counted tick by tick, and
 * only while this program and its machine were awake. Who is silent for too long is suspected: its ranks are asked for their
 * stacks (SIGUSR2). If it goes on saying nothing, the rank that hangs is named, and the attempt ended as hung.
 */
export function findHangs(context: Context): () => Promise<void> {
  const looking = new Map<Listened, Promise<void>>()
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const awake = awakeTime(now - last, TICK_MS)
    last = now
    for (const one of context.listened.values()) {
      if (looking.has(one)) continue // the time in which a look takes long isn't counted
      const look = lookAt(context, one, awake)
        .catch((error: unknown) =>
          context.log.warn({ err: error, attempt: one.attempt }, 'looking for a hang failed; trying again'),
        )
        .finally(() => looking.delete(one))
      looking.set(one, look)
    }
  }, TICK_MS)
  return async () => {
    clearInterval(timer)
    await Promise.all(looking.values())
  }
}

async function lookAt(context: Context, one: Listened, awake: number): Promise<void> {
  const job = context.aggregates.jobs.get(one.job)
  const attempt = job && attemptOf(job, one.shard, one.fence)
  if (!attempt) return
  if (attempt.stopping) return overstay(context, one, job, awake)
  if (job.planned.hang === null) return
  const log = await context.logs.get(one.attempt)
  one.silence = listen(one.silence, log.pulse, awake)
  const overdue = isOverdue(one.silence, patienceWith(context, job, log)) && (await isSilent(context, one, job))
  if (!one.suspicion) return overdue ? suspect(context, one, job, log) : undefined
  if (!overdue) return acquit(context, one, one.suspicion.reason, log)
  one.suspicion.waited += awake
  if (one.suspicion.waited >= ANSWER_MS) await convict(context, one, one.suspicion.sizes, job, log)
}

/** One that is being ended has its grace, after which its launcher kills it; a launcher that is frozen itself can't. */
async function overstay(context: Context, one: Listened, job: Job, awake: number): Promise<void> {
  const { grace, graceOver } = limits.daemon
  one.stopping += awake
  if (one.stopping < grace + graceOver) return
  one.stopping = grace // once more later, should even that be lost
  context.log.warn({ attempt: one.attempt }, 'outstays its grace, and is killed')
  await context.engine(job.planned.pool).signal(one.attempt, 'SIGKILL')
}

/** A closer look at an attempt from which nothing was heard. */
async function isSilent(context: Context, one: Listened, job: Job): Promise<boolean> {
  const engine = context.engine(job.planned.pool)
  const log = await context.logs.refresh(one.attempt) // should nobody have told that something was written
  one.silence = listen(one.silence, log.pulse, 0)
  const limits = patienceWith(context, job, log)
  if (!isOverdue(one.silence, limits)) return false
  // It may have ended, and its end still be unrecorded.
  if ((await engine.observe([one.attempt])).get(one.attempt)?.state !== 'running') return false
  // Where progress isn't due, and perhaps never was, to print is a sign of life too; to print the stacks asked for is none.
  if (limits.stall !== null || one.suspicion) return true
  const size = await printed(engine.directory(one.attempt), job.planned.resources.ranks)
  if (size === one.printed) return true
  one.printed = size
  one.silence = { ...one.silence, silent: 0 }
  return false
}

function patienceWith(context: Context, job: Job, log: AttemptLog): Patience {
  return patience(log.pulse, { floor: context.settings.hangFloorMs, ceiling: (job.planned.hang ?? 0) * 1000 })
}

async function suspect(context: Context, one: Listened, job: Job, log: AttemptLog): Promise<void> {
  const { attempt, silence } = one
  const limits = patienceWith(context, job, log)
  context.log.warn({ attempt, stage: job.planned.stage, ...silence, limits }, 'seems to hang')
  const engine = context.engine(job.planned.pool)
  const sizes = await sizesOf(engine.directory(attempt), job.planned.resources.ranks)
  const reason = `waits for a sign of life: none ${howLong(silence)} ${limits.phase}`
  one.suspicion = { reason, since: Date.now(), sizes, waited: 0 }
  context.changes.tell()
  await engine.signal(attempt, 'SIGUSR2')
}

function acquit(context: Context, one: Listened, reason: string, log: AttemptLog): void {
  one.suspicion = null
  context.log.warn({ attempt: one.attempt, reason }, 'goes on after all')
  log.warnings.push(`${reason.replace(/^.*: none/, 'no sign of life')}; then it went on`)
  context.changes.tell()
}

async function convict(context: Context, one: Listened, sizes: number[], job: Job, log: AttemptLog): Promise<void> {
  const { attempt, shard, fence, silence } = one
  const engine = context.engine(job.planned.pool)
  const processes = await engine.processes(attempt)
  const evidence = await takeEvidence(engine.directory(attempt), sizes, processes, log.pulse)
  const named = nameHang(evidence, `${howLong(silence)} ${patienceWith(context, job, log).phase}`)
  const error: JobError = {
    code: 'HUNG',
    message: named.message,
    hint: 'stacks.<rank>.txt in the attempt directory say where each rank was; if it was only slow, set `hang:` of its stage',
    attempt,
    ...(named.rank === null ? {} : { rank: named.rank }),
    ...(named.stack === '' ? {} : { tail: named.stack }),
  }
  context.log.warn({ attempt, stage: job.planned.stage, error }, 'hangs, and is ended')
  await terminate(context, job, shard, fence, 'hung', error)
}

const howLong = ({ silent, stalled }: Silence): string => `for ${Math.round(Math.max(silent, stalled) / 1000)} s`
