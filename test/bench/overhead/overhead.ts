import type { Bench } from '../bench.ts'
import { bare } from '../dispatch/bare.ts'
import { measureFirstLines } from '../dispatch/first-lines.ts'
import { orchestrated } from '../dispatch/orchestrated.ts'
import { makePlace, makeReady } from '../dispatch/place.ts'
import { measureThroughput } from '../dispatch/throughput.ts'
import type { Way } from '../dispatch/way.ts'
import type { Lab } from '../lab.ts'
import { measureSteps } from './steps.ts'

const localAndBare = async (lab: Lab): Promise<Way[]> =>
  makeReady(await makePlace(lab), { bare, local: orchestrated('local') })

/** What `orchestrate` costs: before the first line of a job, for each of many small jobs, and while training. */
export const overhead: Bench = {
  about: 'what orchestrate adds to the start of a job, to each of many small ones, and to a training step',
  parts: {
    start: async (lab, seed) => measureFirstLines(await localAndBare(lab), 40, seed),
    jobs: async (lab, seed) => measureThroughput(await localAndBare(lab), 2, seed),
    steps: async (lab, seed) => [await measureSteps(lab, seed)],
  },
}
