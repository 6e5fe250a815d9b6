import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { Signal } from '../../engines/engine.ts'
import { metricsFolder } from '../../engines/prepare/prepare.ts'
import { faultPoint } from '../../fault-point.ts'
import { limits } from '../../limits.ts'
import { classifyExit } from '../../run/classify-exit.ts'
import { type Attempt, attemptOf, type Job } from '../../run/job.ts'
import type { JobError, StopReason } from '../../run/job-events.ts'
import { jobAggregate } from '../aggregates.ts'
import { type Context, capacityOf } from './context.ts'
import { isDiskFull } from './is-disk-full.ts'
import { listened } from './listened.ts'

/** Sees to it that somebody waits for the attempt's end, and records the end once it is there. */
export async function watch(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const engine = context.engine(job.planned.pool)
  // Recorded, but perhaps not delivered: by a control plane that died in between, or because the engine failed.
  if (attempt.stopping && context.signalled.get(attempt.attempt) !== attempt.stopping)
    await stopIt(context, job, attempt)
  if (context.watched.has(attempt.attempt)) return
  const stop = new AbortController()
  context.watched.set(attempt.attempt, stop)
  await learnSecrets(context, attempt.attempt, engine.directory(attempt.attempt))
  context.logs.follow(attempt.attempt)
  context.listened.set(attempt.attempt, listened(job.key, shard, fence, attempt.attempt))
  void untilRecorded(context, job, attempt, stop.signal).finally(() => {
    context.watched.delete(attempt.attempt)
    context.listened.delete(attempt.attempt)
    context.secrets.forget(attempt.attempt)
    context.signalled.delete(attempt.attempt)
    if (!stop.signal.aborted) void context.commands.send(jobAggregate(job.key)).catch(() => {})
  })
}

/** Asks again itself, whatever fails: while Redis takes no writes, a message to look again would be lost too. */
async function untilRecorded(context: Context, job: Job, attempt: Attempt, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await context.engine(job.planned.pool).ended(attempt.attempt, signal)
      return await recordExit(context, job.key, attempt)
    } catch (error) {
      if (signal.aborted) return
      context.log.error({ err: error, attempt: attempt.attempt }, 'watching failed; trying again')
      await pause(limits.daemon.watchRetry, undefined, { signal }).catch(() => {})
    }
  }
}

/** After a restart nobody remembers the values that a running attempt was given; its own file does, as long as it runs. */
async function learnSecrets(context: Context, attempt: string, directory: string): Promise<void> {
  const text = await readFile(join(directory, 'secrets.json'), 'utf8').catch(() => null)
  if (text !== null) context.secrets.keep(attempt, z.record(z.string(), z.string()).parse(JSON.parse(text)))
}

async function recordExit(context: Context, key: string, attempt: Attempt): Promise<void> {
  const { shard, fence } = attempt
  const job = context.aggregates.jobs.get(key)
  if (!job) return
  const engine = context.engine(job.planned.pool)
  const seen = (await engine.observe([attempt.attempt])).get(attempt.attempt)
  if (seen?.state !== 'exited')
    throw new Error(`${attempt.attempt} is said to have ended, but is ${seen?.state ?? 'unknown'}`)
  faultPoint('exit-seen')
  const log = await context.logs.finish(attempt.attempt)
  const directory = engine.directory(attempt.attempt)
  const bad = log.failed?.rank ?? seen.exit?.firstBad ?? 0
  const recorded = attemptOf(context.aggregates.jobs.get(key) ?? job, shard, fence)
  const step = log.saved.at(-1)?.step ?? null
  const reached = log.progress?.step ?? null
  const outcome = classifyExit({
    exit: seen.exit,
    end: seen.end,
    attempt: attempt.attempt,
    stopping: recorded?.stopping ?? null,
    found: recorded?.found ?? null,
    failed: log.failed,
    committed: log.saved.length > 0,
    tail: context.secrets.redact(await lastLines(join(directory, `stderr.${bad}.log`))),
    memory: job.planned.resources.memory,
    diskFull: await isDiskFull(directory),
  })
  context.log.info({ attempt: attempt.attempt, outcome: outcome.kind }, 'exited')
  await context.aggregates.updateJob(
    key,
    (now) => {
      const state = now?.shards[shard]
      return state?.state === 'running' && state.fence === fence
        ? [{ type: 'attempt.exited', shard, fence, outcome, step, reached }]
        : []
    },
    { pool: capacityOf(context, job), attempt: attempt.attempt },
  )
  faultPoint('exit-recorded')
  // A worker that was killed could not do it: half a checkpoint each time would fill the disk.
  await rm(join(directory, 'scratch'), { recursive: true, force: true }).catch((error: unknown) =>
    context.log.warn({ err: error, attempt: attempt.attempt }, 'its scratch folder is left'),
  )
  context.archive.add({
    directory,
    metrics: metricsFolder(engine.metrics, key, shard),
    fence,
    prefix: `jobs/${key}/s${shard}/${fence}/logs`,
  })
}

export async function terminate(
  context: Context,
  job: Job,
  shard: number,
  fence: number,
  reason: StopReason,
  error?: JobError,
): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  // Recorded first: an exit that follows must find out that it was asked for.
  await context.aggregates.updateJob(job.key, (now) => {
    const state = now?.shards[shard]
    return state?.state === 'running' && state.fence === fence
      ? [{ type: 'attempt.stopping', shard, fence, reason, ...(error ? { error } : {}) }]
      : []
  })
  faultPoint('stop-recorded')
  await stopIt(context, job, { ...attempt, stopping: reason })
}

async function stopIt(context: Context, job: Job, attempt: Attempt): Promise<void> {
  const { stopping } = attempt
  if (!stopping) return
  const signal: Signal = stopping === 'now' || stopping === 'hung' ? 'SIGKILL' : 'SIGTERM'
  await context.engine(job.planned.pool).signal(attempt.attempt, signal)
  context.signalled.set(attempt.attempt, stopping)
}

/** Takes back a placement that may or may not have been launched. */
export async function revoke(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const state = await context.engine(job.planned.pool).revoke(attempt.attempt)
  faultPoint('claim-revoked')
  const release = { pool: capacityOf(context, job), attempt: attempt.attempt }
  const inPlace = (now: Job | null): boolean =>
    now?.shards[shard]?.state === 'placed' && now.shards[shard].fence === fence
  if (state === 'revoked')
    await context.aggregates.updateJob(
      job.key,
      (now) => (inPlace(now) ? [{ type: 'attempt.revoked', shard, fence }] : []),
      release,
    )
  else
    await context.aggregates.updateJob(job.key, (now) =>
      inPlace(now) ? [{ type: 'attempt.started', shard, fence }] : [],
    )
}

async function lastLines(path: string): Promise<string> {
  const handle = await open(path).catch(() => null)
  if (!handle) return ''
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, 4096)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8').split('\n').slice(-20).join('\n').trimEnd()
  } finally {
    await handle.close()
  }
}
