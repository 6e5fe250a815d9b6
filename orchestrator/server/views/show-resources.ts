import type { PlannedJob } from '../../plan/plan.ts'

/** `2 cores`, `4×8 GPUs`, `1 GPU, 4 cores`. */
export function showResources(job: PlannedJob): string {
  const { nodes, gpus, cores } = job.resources
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`
  if (gpus === 0) return count(cores, 'core')
  return nodes > 1 ? `${nodes}×${gpus} GPUs` : `${count(gpus, 'GPU')}, ${count(cores, 'core')}`
}
