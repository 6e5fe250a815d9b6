import { type Attempt, isActive, type Job } from '../../run/job.ts'
import { jobAggregate } from '../aggregates.ts'
import type { Context } from '../conduct/context.ts'

/** What engines that talk to other hosts are told of attempts, by their names alone. */
export type Attempts = {
  /** Whether anybody still waits for something of it: its end, its outputs. */
  needed(attempt: string): boolean
  /** Something happened to it: whoever conducts its job looks again. */
  touched(attempt: string): void
}

export function attemptsOf(context: () => Context | null): Attempts {
  return {
    needed: (id) => {
      const known = context()
      if (!known?.recovery.isStarted) return true // not all is known yet
      const found = find(known.aggregates.jobs, id)
      return found !== null && isNeeded(found.job, found.attempt)
    },
    touched: (id) => {
      const known = context()
      const found = known && find(known.aggregates.jobs, id)
      if (found)
        known.commands
          .send(jobAggregate(found.job.key))
          .catch((error: unknown) =>
            known.log.warn({ err: error, attempt: id }, 'a look was not sent; the sweep comes by'),
          )
    },
  }
}

function find(jobs: ReadonlyMap<string, Job>, id: string): { job: Job; attempt: Attempt } | null {
  for (const job of jobs.values()) {
    if (!id.startsWith(`a-${job.key.slice(0, 10)}`)) continue
    const attempt = job.attempts.find((one) => one.attempt === id)
    if (attempt) return { job, attempt }
  }
  return null
}

function isNeeded(job: Job, { shard: index, fence }: Attempt): boolean {
  const shard = job.shards[index]
  if (shard?.fence !== fence) return false
  return isActive(shard) || (job.phase === 'open' && shard.state === 'exited' && shard.outcome.kind === 'done')
}
