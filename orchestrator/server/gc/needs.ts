import { isActive, isOver, type Job } from '../../run/job.ts'
import type { Run } from '../../run/run.ts'
import type { Keep } from '../../spec/pipeline.ts'

/**
 * How an attempt stands to what it has left in the store: it may still write (`live`); it has ended, and its outputs are
 * being taken or wait for those of other shards (`taken`); it has ended and nobody waits for more of it (`ended`); its
 * host is lost, so that nobody knows (`lost`).
 */
export type Standing = 'live' | 'taken' | 'ended' | 'lost'

/** What the control plane needs of a job. */
export type JobNeeds = {
  keep: Keep
  /** Whether a run that isn't over may read its artifact. */
  wanted: boolean
  /** Unix milliseconds of when the last run that had it ended. */
  usedAt: number
  /** Its stage, to name it by. */
  stage: string
  attempts: { shard: number; fence: number; standing: Standing; resume: readonly string[] }[]
}

/** `isReporting`: whether a run that is over has its report still being written. */
export function needsOf(job: Job, runs: Iterable<Run>, isReporting: (run: string) => boolean): JobNeeds {
  const having = [...runs].filter((run) => run.submitted.jobs.includes(job.key))
  return {
    keep: job.planned.checkpoint.keep,
    wanted: !isOver(job) || having.some((run) => run.state === 'running' || isReporting(run.submitted.run)),
    usedAt: Math.max(0, ...having.map((run) => run.endedAt ?? 0)),
    stage: job.planned.stage,
    attempts: job.attempts.map(({ shard, fence, resume, outcome, revoked }) => ({
      shard,
      fence,
      resume,
      standing: standingOf(job, shard, fence, outcome?.kind === 'nodeLost' && !revoked),
    })),
  }
}

function standingOf(job: Job, shard: number, fence: number, lost: boolean): Standing {
  const state = job.shards[shard]
  if (state?.fence === fence) {
    if (isActive(state)) return 'live'
    if (state.state === 'exited' && state.outcome.kind === 'done') return 'taken'
    if (state.state === 'committed') return 'taken'
  }
  return lost ? 'lost' : 'ended'
}
