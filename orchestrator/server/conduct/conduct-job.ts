import { limits } from '../../limits.ts'
import { decideJob, type InputState, type JobCommand } from '../../run/decide-job.ts'
import type { Job } from '../../run/job.ts'
import { concurrently } from '../../store/concurrently.ts'
import { jobAggregate } from '../aggregates.ts'
import { collect, publish } from './collect.ts'
import { type Context, capacityAggregate, capacityOf } from './context.ts'
import { launch } from './launch.ts'
import { revoke, terminate, watch } from './watch.ts'

/** Looks at one job and does what is to be done next. Idempotent; called once at a time for one job. */
export async function conductJob(context: Context, key: string): Promise<void> {
  const job = context.aggregates.jobs.get(key)
  if (!job) return
  const commands = decideJob(job, inputsOf(context, job), Date.now())
  const launches = commands.filter(({ kind }) => kind === 'launch')
  for (const command of commands) {
    if (command.kind === 'launch') continue
    const now = context.aggregates.jobs.get(key)
    // The command was decided on a state that is no longer: the change has asked for another look already.
    if (now?.version !== job.version && needsFreshLook(command)) return
    await carryOut(context, job, command)
  }
  // Side by side: an engine can then hand many shards to its scheduler at once.
  await concurrently(launches, (command) => carryOut(context, job, command), limits.queue.launches)
}

const needsFreshLook = (command: JobCommand): boolean => command.kind !== 'watch' && command.kind !== 'collect'

async function carryOut(context: Context, job: Job, command: JobCommand): Promise<void> {
  const { aggregates, commands } = context
  const { key } = job
  switch (command.kind) {
    case 'makeReady':
      await aggregates.updateJob(key, (now) => (now?.phase === 'waiting' ? [{ type: 'job.ready' }] : []))
      return
    case 'place':
      return commands.send(capacityAggregate(capacityOf(context, job)))
    case 'wake':
      return commands.send(jobAggregate(key), { delayMs: Math.max(1, command.at - Date.now()) })
    case 'launch':
      return launch(context, job, command.shard, command.fence)
    case 'watch':
      return watch(context, job, command.shard, command.fence)
    case 'revoke':
      return revoke(context, job, command.shard, command.fence)
    case 'terminate':
      return terminate(context, job, command.shard, command.fence, command.reason)
    case 'collect':
      return collect(context, job, command.shard, command.fence)
    case 'retry':
      await aggregates.updateJob(key, (now) =>
        now?.shards[command.shard]?.state === 'exited'
          ? [{ type: 'shard.retried', shard: command.shard, notBefore: command.notBefore }]
          : [],
      )
      return
    case 'publish':
      return publish(context, job)
    case 'fail':
      context.log.warn({ job: key, stage: job.planned.stage, error: command.error }, 'job failed')
      await aggregates.updateJob(key, (now) =>
        now?.version === job.version ? [{ type: 'job.failed', error: command.error }] : [],
      )
      return
    case 'cancel':
      await aggregates.updateJob(key, (now) => (now?.version === job.version ? [{ type: 'job.cancelled' }] : []))
      return
    default:
      command satisfies never
  }
}

export function inputsOf(context: Context, job: Job): InputState[] {
  return job.planned.needs.map((key) => {
    const input = context.aggregates.jobs.get(key)
    const state = !input || input.phase === 'waiting' || input.phase === 'open' ? 'pending' : input.phase
    return { key, stage: input?.planned.stage ?? key.slice(0, 7), state, error: input?.error ?? null }
  })
}
