import type { Bench } from '../bench.ts'
import { measureSteps } from './steps.ts'
import { measureSubmission } from './submission.ts'
import { measureThroughput } from './throughput.ts'

/** What `orchestrate` costs: before the first line of a job, for each of many small jobs, and while training. */
export const overhead: Bench = {
  about: 'what orchestrate adds to the start of a job, to each of many small ones, and to a training step',
  parts: {
    start: async (lab, seed) => [await measureSubmission(lab, seed)],
    jobs: async (lab, seed) => {
      await measureThroughput(lab, seed)
      return []
    },
    steps: async (lab, seed) => [await measureSteps(lab, seed)],
  },
}
