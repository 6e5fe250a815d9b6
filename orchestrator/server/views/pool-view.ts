import type { Job } from '../../run/job.ts'
import type { PoolView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { activeAttempts } from '../conduct/reconcile.ts'
import type { OpenPool } from '../pools/open-pool.ts'

/** The pools that jobs name. From memory: how things are is told also while Redis is away. */
export function poolViews(context: Context, jobs: readonly Job[]): PoolView[] {
  const names = new Set(jobs.map(({ planned }) => planned.pool))
  return [...names].map((name) => poolView(context, context.pools.of(name)))
}

function poolView(context: Context, { pool, capacity, need, hosts, counts }: OpenPool): PoolView {
  const active = activeAttempts(context).filter((attempt) => attempt.capacity === capacity)
  const planned = active.flatMap(({ job }) => context.aggregates.jobs.get(job)?.planned ?? [])
  const taken = planned.reduce((sum, { resources }) => sum + need(resources).cores, 0)
  const busy = new Set(active.flatMap((attempt) => attempt.gpus))
  const all = [...hosts().values()]
  const cores = all.reduce((sum, host) => sum + host.cores, 0)
  const gpus = all.flatMap((host) => host.gpus)
  return {
    name: pool.name,
    engine: pool.engine,
    room: [
      { of: counts === 'jobs' ? 'job' : 'core', all: cores, free: Math.max(0, cores - taken) },
      { of: 'GPU', all: gpus.length, free: gpus.filter((gpu) => !busy.has(gpu)).length },
    ],
  }
}
