import { type Facts, makePlan } from '../../../orchestrator/plan/make-plan.ts'
import type { Plan, PlannedJob } from '../../../orchestrator/plan/plan.ts'
import type { PipelineSource } from '../../../orchestrator/spec/parse-pipeline.ts'
import { parsed } from '../spec/fixtures.ts'

export const facts: Facts = {
  code: (entry) => ({ digest: `code of ${entry}`, files: { 'bakery.py': 'a'.repeat(64) } }),
  lock: 'lock',
  fingerprints: {},
  generation: 0,
}

export const planned = (given: Partial<PipelineSource> = {}, changedFacts: Partial<Facts> = {}): Plan =>
  makePlan(parsed(given), { ...facts, ...changedFacts })

/** The job of a stage in a cell, by default of the first. */
export function job(plan: Plan, stage: string, cell = 0): PlannedJob {
  const key = plan.cells[cell]?.jobs[stage]
  const found = plan.jobs.find((candidate) => candidate.key === key)
  if (found === undefined) throw new Error(`no job for ${stage} in cell ${cell}`)
  return found
}

/** Keys of all stages in all cells, in order: equal lists mean equal jobs. */
export const keys = (plan: Plan): string[] => plan.cells.flatMap(({ jobs }) => Object.values(jobs))
