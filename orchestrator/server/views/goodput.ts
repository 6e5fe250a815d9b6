import type { Goodput } from '../../report/input.ts'
import type { Attempt, Job } from '../../run/job.ts'
import type { AttemptLog } from '../attempt-log.ts'

/** Where time went, in seconds, and how many steps; the share follows from it. */
export type Phases = Omit<Goodput, 'share'>

export const noPhases: Phases = {
  queueing: 0,
  starting: 0,
  training: 0,
  saving: 0,
  restarting: 0,
  lost: 0,
  stepsComputed: 0,
  stepsLost: 0,
}

/**
 * Where the time of a shard's first attempt went: queueing from `freeAt` until it had a place, starting until its first
 * report of progress, training, saving (what training waited for), and lost: what it computed after the last thing it
 * committed, if it did not come to its end. `committed`: the last step that attempts before it had committed.
 */
export function attemptPhases(
  attempt: Attempt,
  log: AttemptLog,
  freeAt: number,
  now: number,
  committed: number,
): Phases {
  const ended = attempt.endedAt ?? now
  // Times are the worker's own word, and its clock may be another: none lies outside the attempt.
  const within = (from: number, at: number): number => Math.min(Math.max(from, at), ended)
  const first = within(attempt.placedAt, log.firstProgressAt ?? ended)
  const saving = Math.min(
    ended - first,
    log.saved.reduce((sum, saved) => sum + saved.stallMs, 0),
  )
  const failed = attempt.outcome !== null && attempt.outcome.kind !== 'done'
  const last = log.saved.at(-1)
  const lost = failed ? ended - within(first, last?.at ?? first) : 0
  const step = log.progress?.step ?? 0
  // The first report may come many steps after the first step; but nobody goes on from further than it says it is.
  const begun = Math.min(committed, log.firstStep)
  const stepsComputed = Math.max(0, step - begun)
  return {
    queueing: Math.max(0, attempt.placedAt - freeAt) / 1000,
    starting: (first - attempt.placedAt) / 1000,
    saving: saving / 1000,
    restarting: 0,
    lost: lost / 1000,
    training: Math.max(0, ended - first - saving - lost) / 1000,
    stepsComputed,
    stepsLost: failed ? Math.min(stepsComputed, Math.max(0, step - (last?.step ?? begun))) : 0,
  }
}

/** Of an attempt that had one before it, the way back to its first step is lost to whatever ended the other. */
function again(phases: Phases): Phases {
  return { ...phases, restarting: phases.queueing + phases.starting, queueing: 0, starting: 0 }
}

/** Phases of a job's attempts that fall into a run's time. The time in which nobody wanted the job counts for nothing. */
export function jobPhases(job: Job, logs: Map<string, AttemptLog>, since: number, now: number): Phases {
  const ready = Math.max(job.readyAt ?? now, since)
  const ends = new Map<number, number>()
  const steps = new Map<number, number>()
  let sum = noPhases
  for (const attempt of job.attempts) {
    const committed = steps.get(attempt.shard) ?? 0
    steps.set(attempt.shard, Math.max(committed, attempt.step ?? 0))
    const log = logs.get(attempt.attempt)
    if (!log || attempt.revoked || (attempt.endedAt ?? now) < since) continue
    const before = ends.get(attempt.shard)
    const wantedAgain = ready <= attempt.placedAt ? ready : 0
    const phases = attemptPhases(attempt, log, Math.max(before ?? ready, wantedAgain), now, committed)
    sum = addPhases(sum, before === undefined ? phases : again(phases))
    ends.set(attempt.shard, attempt.endedAt ?? now)
  }
  return sum
}

export const addPhases = (a: Phases, b: Phases): Phases => ({
  queueing: a.queueing + b.queueing,
  starting: a.starting + b.starting,
  training: a.training + b.training,
  saving: a.saving + b.saving,
  restarting: a.restarting + b.restarting,
  lost: a.lost + b.lost,
  stepsComputed: a.stepsComputed + b.stepsComputed,
  stepsLost: a.stepsLost + b.stepsLost,
})

/**
 * Useful step time as a share of wall time, where the wall time of a job runs from when it could have started to its
 * end; summed over jobs. Null before any of it.
 */
export function goodput(phases: Phases): number | null {
  const { queueing, starting, training, saving, restarting, lost } = phases
  const wall = queueing + starting + training + saving + restarting + lost
  return wall > 0 ? training / wall : null
}
