import { gpusOf } from '../plan/plan-totals.ts'
import type { Job } from './job.ts'

/** Means over the jobs of a stage that succeeded. On another number of GPUs, GPU-seconds carry over; seconds don't. */
export type PastCost = { seconds: number /** Null: never on a GPU. */; gpuSeconds: number | null }

type Named = { stage: string; entry: string }

/** What past attempts of a stage took: asked for one stage at a time, made by one walk over the jobs. */
export function pastCosts(jobs: Iterable<Job>): (stage: Named) => PastCost | null {
  const sums = new Map<string, { jobs: number; seconds: number; onGpus: number; gpuSeconds: number }>()
  for (const { phase, planned, seconds } of jobs) {
    if (phase !== 'succeeded' || seconds <= 0) continue
    const sum = sums.get(nameOf(planned)) ?? { jobs: 0, seconds: 0, onGpus: 0, gpuSeconds: 0 }
    const gpus = gpusOf(planned)
    sums.set(nameOf(planned), {
      jobs: sum.jobs + 1,
      seconds: sum.seconds + seconds,
      onGpus: sum.onGpus + (gpus > 0 ? 1 : 0),
      gpuSeconds: sum.gpuSeconds + gpus * seconds,
    })
  }
  return (stage) => {
    const sum = sums.get(nameOf(stage))
    if (sum === undefined) return null
    const gpuSeconds = sum.onGpus === 0 ? null : sum.gpuSeconds / sum.onGpus
    return { seconds: sum.seconds / sum.jobs, gpuSeconds }
  }
}

const nameOf = ({ stage, entry }: Named): string => JSON.stringify([stage, entry])
