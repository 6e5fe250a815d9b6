import type { Control } from '../../store/control.ts'
import type { Store } from '../../store/store.ts'
import type { Aggregates } from '../aggregates.ts'
import { Collector } from './collector.ts'
import { needsOf } from './needs.ts'

/** A pin that is left of a run that is over, or that never came to be, counts for a day: a submission may be under way. */
const STALE_MS = 24 * 3_600_000

/** The collector of a control plane: what is needed, its ledger and the pins in the store say together. */
export function makeCollector(
  store: Store,
  control: Control,
  aggregates: Aggregates,
  isReporting: (run: string) => boolean,
): Collector {
  return new Collector({
    store,
    control,
    needs: (key) => {
      const job = aggregates.jobs.get(key)
      const runs = [...aggregates.index.runsOf(key)].flatMap((run) => aggregates.runs.get(run) ?? [])
      return job ? needsOf(job, runs, isReporting) : null
    },
    counts: (run, { at }) => aggregates.runs.get(run)?.state === 'running' || Date.now() - at < STALE_MS,
  })
}
