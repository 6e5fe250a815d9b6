import type { Bench, Goal } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { bare } from './bare.ts'
import { bullmq } from './bullmq.ts'
import { measureFirstLines } from './first-lines.ts'
import { orchestrated } from './orchestrated.ts'
import { measurePending } from './pending.ts'
import { makePlace, makeReady } from './place.ts'
import { ray } from './ray.ts'
import { submitit } from './submitit.ts'
import { measureThroughput } from './throughput.ts'
import type { Prepare, Way } from './way.ts'
import { world } from './world.ts'

const all: Record<string, Prepare> = {
  bare,
  local: orchestrated('local'),
  container: orchestrated('container', 20),
  slurm: orchestrated('slurm'),
  submitit,
  bullmq,
  ray,
}

let ready: Promise<Way[]> | undefined
/** Made ready once, for all parts. */
const waysOf = (lab: Lab): Promise<Way[]> => {
  ready ??= makePlace(lab).then((place) => makeReady(place, all))
  return ready
}

const parts: Record<string, (lab: Lab, seed: number) => Promise<Goal[]>> = {
  start: async (lab, seed) => measureFirstLines(await waysOf(lab), 20, seed),
  jobs: async (lab, seed) => measureThroughput(await waysOf(lab), 3, seed),
  pending: async (lab) => measurePending(await makePlace(lab)),
}

/** What it takes to have a small job run: on every engine, beside others that run jobs, and a bare process. */
export const dispatch: Bench = {
  about: 'from submission to first line, and small jobs a second, beside others',
  world,
  parts,
}
