import type { Plan, PlannedJob } from './plan.ts'

/** GPU-hours of jobs, as far as past attempts tell: `unknown` names the stages that want GPUs and have none. */
export type GpuHours = { toRun: number; unshared: number; unknown: string[] }

export type PlanTotals = {
  cells: number
  /** Jobs that would run if no two cells shared one, and nothing were cached. */
  asked: number
  distinct: number
  cached: number
  toRun: number
  gpuHours: GpuHours
}

export type KnownOfJobs = {
  /** Whether its result is there. */
  cached: (key: string) => boolean
  /** Null where no past attempt tells. */
  gpuSeconds: (job: PlannedJob) => number | null
}

export const gpusOf = ({ resources }: Pick<PlannedJob, 'resources'>): number => resources.nodes * resources.gpus

/** How much the cells share, and what that saves. */
export function planTotals(plan: Plan, known: KnownOfJobs): PlanTotals {
  const askedFor = new Map<string, number>()
  for (const { jobs } of plan.cells)
    for (const key of Object.values(jobs)) askedFor.set(key, (askedFor.get(key) ?? 0) + 1)
  const totals = { asked: 0, cached: 0, gpuSeconds: 0, unsharedGpuSeconds: 0 }
  const unknown = new Set<string>()
  for (const job of plan.jobs) {
    const times = askedFor.get(job.key) ?? 0
    const cached = known.cached(job.key)
    totals.asked += times
    totals.cached += cached ? 1 : 0
    if (gpusOf(job) === 0) continue
    const seconds = known.gpuSeconds(job)
    if (seconds === null) unknown.add(job.stage)
    totals.unsharedGpuSeconds += times * (seconds ?? 0)
    totals.gpuSeconds += cached ? 0 : (seconds ?? 0)
  }
  return {
    cells: plan.cells.length,
    asked: totals.asked,
    distinct: plan.jobs.length,
    cached: totals.cached,
    toRun: plan.jobs.length - totals.cached,
    gpuHours: {
      toRun: totals.gpuSeconds / 3600,
      unshared: totals.unsharedGpuSeconds / 3600,
      unknown: [...unknown],
    },
  }
}
