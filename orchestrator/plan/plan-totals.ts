import type { Plan } from './plan.ts'

export type PlanTotals = {
  cells: number
  asked: number
  distinct: number
  cached: number
  toRun: number
  sentence: string
}

/** `18 cells ask for 63 jobs; 38 are distinct: 1 cached, 37 to run`. `cached` says of a key whether its result is there. */
export function planTotals(plan: Plan, cached: (key: string) => boolean): PlanTotals {
  const asked = plan.cells.reduce((sum, { jobs }) => sum + Object.keys(jobs).length, 0)
  const hits = plan.jobs.filter(({ key }) => cached(key)).length
  const totals = {
    cells: plan.cells.length,
    asked,
    distinct: plan.jobs.length,
    cached: hits,
    toRun: plan.jobs.length - hits,
  }
  const cells = `${totals.cells} ${totals.cells === 1 ? 'cell asks' : 'cells ask'}`
  const jobs = `${asked} ${asked === 1 ? 'job' : 'jobs'}; ${totals.distinct} ${totals.distinct === 1 ? 'is' : 'are'} distinct`
  return { ...totals, sentence: `${cells} for ${jobs}: ${totals.cached} cached, ${totals.toRun} to run` }
}
