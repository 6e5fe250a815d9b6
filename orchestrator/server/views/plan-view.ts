import type { Plan, PlannedJob } from '../../plan/plan.ts'
import { gpusOf, planTotals } from '../../plan/plan-totals.ts'
import type { Artifact } from '../../protocol/manifest.ts'
import type { Job } from '../../run/job.ts'
import { pastCosts } from '../../run/past-costs.ts'
import { cellsByJob } from '../../run/run.ts'
import type { PlanView } from '../api.ts'
import { showResources } from './show-resources.ts'

/** What a run of the plan would do; `known` are the jobs of the ledger, whose past attempts tell what new ones may take. */
export function planView(
  pipeline: string,
  plan: Plan,
  cached: ReadonlyMap<string, Artifact>,
  known: Iterable<Job>,
): PlanView {
  const cells = cellsByJob(plan.cells)
  const past = pastCosts(known)
  const gpuSeconds = (job: PlannedJob): number | null => {
    const hit = cached.get(job.key)
    return hit ? hit.seconds * gpusOf(job) : (past(job)?.gpuSeconds ?? null)
  }
  return {
    pipeline,
    cells: plan.cells.map((cell) => ({ cell: cell.name, stages: cell.jobs })),
    jobs: plan.jobs.map((job) => {
      const { key, stage, needs, shards } = job
      const hit = cached.get(key)
      return {
        key,
        stage,
        cells: cells.get(key) ?? [],
        needs,
        cached: hit !== undefined,
        shards,
        resources: showResources(job),
        seconds: hit?.seconds ?? past(job)?.seconds ?? null,
        createdAt: hit?.createdAt ?? null,
      }
    }),
    totals: planTotals(plan, { cached: (key) => cached.has(key), gpuSeconds }),
  }
}
