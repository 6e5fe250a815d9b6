import { createHash } from 'node:crypto'

/**
 * How jobs ended in Meta's research cluster RSC-1 (16,000 A100, 11 months, with RSC-2 4 million jobs): 60 % completed, 24 %
 * failed with an exit code of their own, 10 % were preempted, 2 % requeued, 0.6 % ran into their time limit, 0.1 % each
 * out of memory and lost with their node (Kokolis and others, "Revisiting Reliability in Large-Scale Machine Learning
 * Research Clusters", HPCA 2025, arXiv 2410.21680, figure 3); the rest were cancelled by their users. What is the job's
 * own doing meets a job each time that it is tried, what is the cluster's meets an attempt.
 */
export const rates = {
  job: { failed: 0.24, memory: 0.001 },
  attempt: { preempted: 0.1, lost: 0.021, time: 0.006 },
} as const

export type Rates = { job: Record<'failed' | 'memory', number>; attempt: Record<'preempted' | 'lost' | 'time', number> }

/** How an attempt will end, and which share of its time it has until then. */
export type Fate = { end: 'done' | keyof Rates['job'] | keyof Rates['attempt']; share: number }

/** Fixed by the seed and the names, so that whoever counts afterwards knows what had to come out. */
export function fateOf(seed: number, job: string, attempt: string, given: Rates = rates): Fate {
  const share = draw(seed, attempt, 'share')
  const byCluster = pick(given.attempt, draw(seed, attempt, 'cluster'))
  if (byCluster) return { end: byCluster, share }
  const own = jobEnd(seed, job, given)
  return own ? { end: own, share: 0.5 } : { end: 'done', share: 1 }
}

/** What is wrong with a job however often it is tried, or null. */
export const jobEnd = (seed: number, job: string, given: Rates = rates): keyof Rates['job'] | null =>
  pick(given.job, draw(seed, job, 'job'))

/** Seconds that an attempt takes if nothing happens to it: many short ones and a few long ones, `mean` on average. */
export const secondsOf = (seed: number, attempt: string, mean: number): number =>
  Math.min(-Math.log(1 - draw(seed, attempt, 'seconds')), 5) * mean

function pick<K extends string>(shares: Record<K, number>, dice: number): K | null {
  let below = 0
  for (const [name, share] of Object.entries(shares) as [K, number][]) {
    below += share
    if (dice < below) return name
  }
  return null
}

/** From 0 to 1, without 1. */
const draw = (seed: number, ...names: string[]): number =>
  createHash('sha256')
    .update(JSON.stringify([seed, ...names]))
    .digest()
    .readUInt32BE() /
  2 ** 32
