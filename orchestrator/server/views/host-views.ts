import type { HostView } from '../api.ts'
import type { Context } from '../conduct/context.ts'
import { activeAttempts } from '../conduct/reconcile.ts'

/** Hosts of pools whose hosts come and go, and what is free on each. From memory, as of a moment ago. */
export function hostViews(context: Context): HostView[] {
  const active = activeAttempts(context)
  return context.pools.list.flatMap(({ pool, capacity: name, need, members }) =>
    (members?.() ?? []).map(({ host, state, heardAt, capacity }) => {
      const here = active.filter((attempt) => attempt.capacity === name && attempt.host === host)
      const planned = here.flatMap(({ job }) => context.aggregates.jobs.get(job)?.planned ?? [])
      const taken = planned.reduce((sum, { resources }) => sum + need(resources).cores, 0)
      const busy = new Set(here.flatMap(({ gpus }) => gpus))
      const takesWork = state === 'live'
      return {
        pool: pool.name,
        host,
        state,
        cores: { all: capacity.cores, free: takesWork ? Math.max(0, capacity.cores - taken) : 0 },
        gpus: { all: capacity.gpus.length, free: takesWork ? capacity.gpus.filter((gpu) => !busy.has(gpu)).length : 0 },
        attempts: here.length,
        heardAt,
      }
    }),
  )
}
