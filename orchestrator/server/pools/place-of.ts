import type { Engine } from '../../engines/engine.ts'
import type { Aggregates } from '../aggregates.ts'
import type { Pools } from './pools.ts'

/** Where an attempt writes, and whether the kernel tells of it. */
export type AttemptPlace = { directory: string; writes: Engine['writes'] }

/** Finds the place of an attempt by the digits of its job that its name carries, for whoever knows no more of it. */
export function makePlaceOf(pools: Pools, { jobs }: Aggregates): (attempt: string) => AttemptPlace {
  const pool = new Map<string, string>()
  return (attempt) => {
    if (pool.size < jobs.size) for (const [key, job] of jobs) pool.set(key.slice(0, 10), job.planned.pool)
    const engine = pools.engine(pool.get(attempt.slice(2, 12)) ?? 'local')
    return { directory: engine.directory(attempt), writes: engine.writes }
  }
}
