import { join } from 'node:path'
import { OrchestrateError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import { limits } from '../../limits.ts'
import type { JobFile, MetricsFile } from '../../protocol/job-file.ts'
import { isBlocking } from '../../run/classify-exit.ts'
import { type Attempt, attemptOf, type Job } from '../../run/job.ts'
import type { JobError, Outcome } from '../../run/job-events.ts'
import type { Run } from '../../run/run.ts'
import { materialiseCode } from '../../store/code.ts'
import { availableManifests } from '../../store/marks.ts'
import { jobMetricsFolder, metricsName } from '../metrics-folders.ts'
import { bringInputs } from './bring-inputs.ts'
import type { Context } from './context.ts'
import { workerEnv } from './worker-env.ts'

const LOG_BYTES = 16 << 20

/** Brings inputs and code to the host and starts the attempt, unless it was started before. */
export async function launch(context: Context, job: Job, shard: number, fence: number): Promise<void> {
  const attempt = attemptOf(job, shard, fence)
  if (!attempt) return
  const engine = context.engine(job.planned.pool)
  const seen = (await engine.observe([attempt.attempt])).get(attempt.attempt)
  if (seen?.state === 'unknown') throw new Error(`can't tell whether ${attempt.attempt} runs`)
  if (seen === undefined || seen.state === 'unclaimed') {
    try {
      const file = await jobFile(context, job, attempt)
      await context.control.awake() // that may have taken long
      await engine.launch({ job: file, env: workerEnv(), secrets: secretsOf(context, job) })
    } catch (error) {
      // The store's trouble isn't the job's: the look is tried again, and says why it waits.
      if (error instanceof OrchestrateError && /^(STORE_|CONTROL_LOST$)/.test(error.code)) throw error
      return refuse(context, job, attempt, error)
    }
  }
  faultPoint('claim-seen')
  await context.aggregates.updateJob(job.key, (now) => {
    const state = now?.shards[shard]
    return state?.state === 'placed' && state.fence === fence ? [{ type: 'attempt.started', shard, fence }] : []
  })
  faultPoint('started-recorded')
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
    { pool: job.planned.pool, attempt: attempt.attempt },
  )
}

function outcomeOf(error: JobError, cause: unknown): Outcome {
  if (isBlocking(error.code)) return { kind: 'blocked', error }
  const mistake = cause instanceof OrchestrateError && (cause.exit === 2 || cause.code === 'SECRET_MISSING')
  return mistake ? { kind: 'misused', error } : { kind: 'crashed', error, by: 'outside' }
}

async function jobFile(context: Context, job: Job, attempt: Attempt): Promise<JobFile> {
  const { settings, store } = context
  const { planned, key } = job
  const { shard, fence } = attempt
  const [code, inputs] = await Promise.all([
    materialiseCode(store, planned.code, join(settings.stateDir, 'code')),
    bringInputs(context, job),
  ])
  faultPoint('inputs-staged')
  const [word, ...rest] = planned.command
  const metrics = metricsOf(context, job, shard)
  return {
    protocol: 1,
    attempt: attempt.attempt,
    job: key,
    stage: planned.stage,
    shard,
    shards: planned.shards,
    fence,
    command: [word === 'python' ? settings.python : (word ?? ''), ...rest],
    code,
    entry: planned.entry,
    config: planned.config,
    inputs,
    ...(planned.stream?.length
      ? { cache: { path: join(settings.stateDir, 'streams'), bytes: settings.streamCache } }
      : {}),
    outputs: Object.keys(planned.outputs),
    ranks: planned.resources.ranks,
    cores: attempt.cores,
    gpus: attempt.gpus,
    store: settings.store,
    prefix: `jobs/${key}/s${shard}/${fence}`,
    // Asked now that the placement names them: what is there by now, and not marked, stays.
    resume: await availableManifests(store, key, shard, attempt.resume),
    checkpoint: { every: planned.checkpoint.every },
    grace: limits.daemon.grace / 1000,
    time: planned.resources.time,
    memory: planned.resources.memory,
    logBytes: LOG_BYTES,
    ...(metrics === null ? {} : { metrics }),
    secrets:
      secretNames(context, job).length > 0
        ? join(context.engine(planned.pool).directory(attempt.attempt), 'secrets.json')
        : null,
  }
}

/** What any of the runs that want it asked for. */
function metricsOf(context: Context, job: Job, shard: number): MetricsFile | null {
  const asking = runsOf(context, job).flatMap(({ submitted }) =>
    submitted.metrics ? [{ ...submitted.metrics, name: metricsName(submitted, job.key) }] : [],
  )
  const first = asking[0]
  if (first === undefined) return null
  return {
    folder: jobMetricsFolder(context.settings.stateDir, job.key, shard),
    name: job.planned.shards === 1 ? first.name : `${first.name}.s${shard}`,
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
