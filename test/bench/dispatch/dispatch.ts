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
  container: orchestrated('container', 10),
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
  start: async (lab, seed) => measureFirstLines(await waysOf(lab), 15, seed),
  jobs: async (lab, seed) => measureThroughput(await waysOf(lab), 3, seed),
  pending: async (lab) => measurePending(await makePlace(lab)),
}

const notes = [
  'All run the same worker, `test/fixtures/foreign-worker`: a Python without packages that says hello, writes a file and ends.',
  'bare process: spawned by Node, as many at once as there are cores; local, container, slurm: pools of one daemon.',
  'container: podman, an image of Debian with Python; slurm and submitit: the same `infra/slurm-dev` cluster, 40 cores on paper.',
  'submitit executes the worker in the Python that it starts for a job anyway, and several jobs are one array; a job is over once its result is there.',
  'BullMQ, Ray: a worker process that spawns the same process; Ray, no process: the same file executed in a process that Ray keeps.',
  'Of ratios, geometric means over rounds, with what 90 % of such means would lie in (Student). A round has all of them once, in another order each time.',
  'The daemon, its Redis, slurmctld, five slurmd and Ray stay up all the time, on the same cores.',
  'Whatever else used the machine shows in the load before and after.',
  'Written by `npm run bench -- dispatch --write`.',
]

/** What it takes to have a small job run: on every engine, beside others that run jobs, and a bare process. */
export const dispatch: Bench = {
  about: 'from submission to first line, and small jobs a second, beside others',
  world,
  notes,
  parts,
}
