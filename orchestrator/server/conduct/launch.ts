import type { Observation } from '../../engines/engine.ts'
import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import { limits } from '../../limits.ts'
import type { JobOrder } from '../../protocol/job-order.ts'
import { badNodes } from '../../run/bad-nodes.ts'
import { isBlocking } from '../../run/classify-exit.ts'
import { type Attempt, attemptOf, type Job } from '../../run/job.ts'
import type { JobError, Outcome } from '../../run/job-events.ts'
import type { Run } from '../../run/run.ts'
import { availableManifests } from '../../store/marks.ts'
import { jobAggregate } from '../aggregates.ts'
import { metricsName } from '../metrics-folders.ts'
import { type Context, capacityOf } from './context.ts'
import { workerEnv } from './worker-env.ts'

type Queued = Extract<Observation, { state: 'queued' }>

const LOG_BYTES = 16 << 20
const AWAY = /^(STORE_|CONTROL_LOST$|SLURM_UNREACHABLE$|SLURM_BUSY$)/

/** Brings inputs and code to the host and starts the attempt, unless it was started before. */
export async function launch(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const engine = context.engine(job.planned.pool)
  let seen = (await engine.observe([attempt.attempt])).get(attempt.attempt)
  if (seen?.state === 'unknown') throw new Error(`can't tell whether ${attempt.attempt} runs`)
  if (seen === undefined || seen.state === 'unclaimed') {
    try {
      const order = await orderOf(context, job, attempt)
      const avoid = [...badNodes(context.aggregates.index.bereft.values(), job.planned.pool, Date.now()).keys()]
      const { gpus } = job.planned.resources
      await engine.launch({ job: order, env: workerEnv(), secrets: secretsOf(context, job), gpus, avoid })
      seen = (await engine.observe([attempt.attempt])).get(attempt.attempt)
    } catch (error) {
      // The store's or the scheduler's trouble isn't the job's: the look is tried again, and says why it waits.
      if (error instanceof OrchestrateError && AWAY.test(error.code)) throw error
      return refuse(context, job, attempt, error)
    }
  }
  if (seen?.state === 'unknown') throw new Error(`can't tell whether ${attempt.attempt} runs`)
  if (seen?.state === 'queued') return untilStarted(context, job, attempt, seen)
  context.waiting.delete(`${job.key}/${shard}`)
  faultPoint('claim-seen')
  const nodes = seen?.state === 'running' ? seen.nodes : undefined
  await context.aggregates.updateJob(job.key, (now) => {
    const state = now?.shards[shard]
    return state?.state === 'placed' && state.fence === fence
      ? [{ type: 'attempt.started', shard, fence, ...(nodes ? { nodes } : {}) }]
      : []
  })
  faultPoint('started-recorded')
}

/** A scheduler has it: what it waits for is shown, and somebody looks again when it starts. */
function untilStarted(context: Context, job: Job, { attempt, shard }: Attempt, { why, startsAt }: Queued): void {
  const name = `${job.key}/${shard}`
  const since = context.waiting.get(name)?.since ?? Date.now()
  context.waiting.set(name, { reason: why, since, until: startsAt })
  const waitedFor = context.queued.get(attempt)
  const stop = waitedFor?.stop ?? new AbortController()
  context.queued.set(attempt, { stop, lookedAt: Date.now() })
  if (waitedFor) return
  void context
    .engine(job.planned.pool)
    .started(attempt, stop.signal)
    .then(() => context.commands.send(jobAggregate(job.key)))
    .catch((error: unknown) => {
      if (!stop.signal.aborted)
        context.log.warn({ err: error, attempt }, 'its start is not waited for; the sweep looks')
    })
    .finally(() => context.queued.delete(attempt))
}

/** It could not be started: its claim is taken, so that it never will be, and the reason recorded. */
async function refuse(context: Context, job: Job, attempt: Attempt, cause: unknown): Promise<void> {
  const { shard, fence } = attempt
  const state = await context.engine(job.planned.pool).revoke(attempt.attempt)
  if (state === 'running') return // it did start, whatever was said of it: the next look finds it
  const coded = cause instanceof OrchestrateError
  const error: JobError = {
    code: coded ? cause.code : 'LAUNCH_FAILED',
    message: (cause as Error).message,
    hint: coded ? cause.hint : null,
    attempt: attempt.attempt,
  }
  context.log.error({ err: cause, attempt: attempt.attempt }, 'launch failed')
  const outcome = outcomeOf(error, cause)
  await context.aggregates.updateJob(
    job.key,
    (now) =>
      now?.shards[shard]?.state === 'placed' && now.shards[shard].fence === fence
        ? [{ type: 'attempt.exited', shard, fence, outcome, step: null, reached: null }]
        : [],
    { pool: capacityOf(context, job), attempt: attempt.attempt },
  )
}

/** What stays as it is until somebody does something about it. */
const MISTAKES: ReadonlySet<string> = new Set(['SECRET_MISSING', 'CONTAINER_ENGINE_MISSING', 'IMAGE_MISSING'])

function outcomeOf(error: JobError, cause: unknown): Outcome {
  if (isBlocking(error.code)) return { kind: 'blocked', error }
  const mistake = cause instanceof OrchestrateError && (cause.exit === 2 || MISTAKES.has(cause.code))
  return mistake ? { kind: 'misused', error } : { kind: 'crashed', error, by: 'outside' }
}

async function orderOf(context: Context, job: Job, attempt: Attempt): Promise<JobOrder> {
  const { settings, store } = context
  const { planned, key } = job
  const { shard, fence } = attempt
  const { nodes, ranks, time, memory } = planned.resources
  const metrics = metricsOf(context, job)
  return {
    protocol: 1,
    attempt: attempt.attempt,
    job: key,
    stage: planned.stage,
    shard,
    shards: planned.shards,
    fence,
    command: planned.command,
    code: planned.code,
    entry: planned.entry,
    config: planned.config,
    inputs: planned.inputs,
    ...(planned.stream?.length ? { stream: planned.stream } : {}),
    outputs: Object.keys(planned.outputs),
    ranks,
    ...(nodes > 1 ? { nodes } : {}),
    cores: attempt.cores,
    gpus: attempt.gpus,
    ...(planned.network ? { network: planned.network } : {}),
    store: settings.store,
    prefix: `jobs/${key}/s${shard}/${fence}`,
    // Asked now that the placement names them: what is there by now, and not marked, stays.
    resume: await availableManifests(store, key, shard, attempt.resume),
    checkpoint: { every: planned.checkpoint.every },
    grace: limits.daemon.grace / 1000,
    time,
    memory,
    logBytes: LOG_BYTES,
    ...(metrics === null ? {} : { metrics: { ...metrics, name: shardName(metrics.name, planned.shards, shard) } }),
    secrets: null,
  }
}

const shardName = (name: string, shards: number, shard: number): string => (shards === 1 ? name : `${name}.s${shard}`)

/** What any of the runs that want it asked for. */
function metricsOf(context: Context, job: Job) {
  const asking = runsOf(context, job).flatMap(({ submitted }) =>
    submitted.metrics ? [{ ...submitted.metrics, name: metricsName(submitted, job.key) }] : [],
  )
  const first = asking[0]
  if (first === undefined) return null
  return {
    name: first.name,
    tensorboard: asking.some(({ tensorboard }) => tensorboard),
    wandb: asking.find(({ wandb }) => wandb !== null)?.wandb ?? null,
  }
}

const runsOf = ({ aggregates }: Context, job: Job): Run[] =>
  [...job.wants.keys()].flatMap((run) => aggregates.runs.get(run) ?? [])

/** Those of the runs that want it now too: one of them may have been given what the first had not. */
const secretNames = (context: Context, job: Job): string[] => [
  ...new Set([...job.planned.secrets, ...runsOf(context, job).flatMap(({ submitted }) => submitted.secrets)]),
]

function secretsOf(context: Context, job: Job): Record<string, string> {
  const given = Object.assign({}, ...[...job.wants.keys()].map((run) => context.secrets.of(run))) as Record<
    string,
    string
  >
  return Object.fromEntries(
    secretNames(context, job).map((name) => {
      const value = given[name]
      if (value === undefined)
        throw new OrchestrateError(
          'SECRET_MISSING',
          `the value of secret ${name} is not known any more: values are forgotten when a run or the control plane ends`,
        )
      return [name, value]
    }),
  )
}
