import type { Goodput } from '../../report/input.ts'
import type { Attempt, Job } from '../../run/job.ts'
import type { AttemptLog } from '../attempt-log.ts'

/** Where time went, in seconds, and how many steps; the share follows from it. */
export type Phases = Omit<Goodput, 'share'>

export const noPhases: Phases = {
  training: 0,
  saving: 0,
  starting: 0,
  waiting: 0,
  lost: 0,
  stepsComputed: 0,
  stepsLost: 0,
}

/**
 * Where the time of one attempt went, in seconds: waiting for a place, starting (until the first step), training,
 * saving (what training waited for), and lost: what was computed after the last thing it committed, if it failed.
 */
export function attemptPhases(attempt: Attempt, log: AttemptLog, readyAt: number, now: number): Phases {
  const ended = attempt.endedAt ?? now
  const first = Math.min(log.firstProgressAt ?? ended, ended)
  const saving = log.saved.reduce((sum, saved) => sum + saved.stallMs, 0)
  const failed = attempt.outcome !== null && attempt.outcome.kind !== 'done'
  const last = log.saved.at(-1)
  const lost = failed ? ended - Math.max(first, last?.at ?? first) : 0
  const step = log.progress?.step ?? 0
  const stepsComputed = Math.max(0, step - log.firstStep)
  return {
    waiting: Math.max(0, attempt.placedAt - readyAt) / 1000,
    starting: (first - attempt.placedAt) / 1000,
    saving: saving / 1000,
    lost: lost / 1000,
    training: Math.max(0, ended - first - saving - lost) / 1000,
    stepsComputed,
    stepsLost: failed ? Math.min(stepsComputed, Math.max(0, step - (last?.step ?? log.firstStep))) : 0,
  }
}

/** Phases of a job's attempts that fall into a run's time. */
export function jobPhases(job: Job, logs: Map<string, AttemptLog>, since: number, now: number): Phases {
  let free = Math.max(job.readyAt ?? now, since)
  let sum = noPhases
  for (const attempt of job.attempts) {
    const log = logs.get(attempt.attempt)
    if (!log || attempt.revoked || (attempt.endedAt ?? now) < since) continue
    sum = addPhases(sum, attemptPhases(attempt, log, Math.min(free, attempt.placedAt), now))
    if (job.shards.length === 1) free = attempt.endedAt ?? now
  }
  return sum
}

export const addPhases = (a: Phases, b: Phases): Phases => ({
  training: a.training + b.training,
  saving: a.saving + b.saving,
  starting: a.starting + b.starting,
  waiting: a.waiting + b.waiting,
  lost: a.lost + b.lost,
  stepsComputed: a.stepsComputed + b.stepsComputed,
  stepsLost: a.stepsLost + b.stepsLost,
})

/** Share of the time that attempts held a place in which they did useful work; null before any of it. */
export function goodput(phases: Phases): number | null {
  const held = phases.training + phases.saving + phases.starting + phases.lost
  return held > 0 ? phases.training / held : null
}
