import { setTimeout as pause } from 'node:timers/promises'
import { OrchestrateError } from '../../errors.ts'
import { limits } from '../../limits.ts'
import { concurrently } from '../../store/concurrently.ts'
import { readJournal } from '../../store/journal.ts'
import { jobAggregate, runAggregate } from '../aggregates.ts'
import { type Extent, findViolations, type Snapshot, type Violation } from '../invariants.ts'
import { observeAll } from './abandon.ts'
import type { Context } from './context.ts'
import { activeAttempts } from './reconcile.ts'

/** Of jobs, and of runs: the newest have their journals read through; older ones may be many, and have been before. */
const JOURNALS = 100

/** Violations of the invariants, as things are now. Empty: none, at the first look. */
export async function checkInvariants(context: Context): Promise<Violation[]> {
  let found = findViolations(await takeSnapshot(context))
  for (const ms of limits.daemon.invariantLooks) {
    if (found.length === 0) return []
    await pause(ms)
    const again = new Set(findViolations(await takeSnapshot(context)).map(nameOf))
    found = found.filter((violation) => again.has(nameOf(violation)))
  }
  return found
}

const nameOf = ({ invariant, subject }: Violation): string => `${invariant} ${subject}`

async function takeSnapshot(context: Context): Promise<Snapshot> {
  const { aggregates, capacity, pools } = context
  const extents = await readExtents(context)
  const [reservations, observed, living] = await Promise.all([
    Promise.all([...pools.byCapacity().keys()].map((name) => capacity.reservations(name))),
    observeAll(context, activeAttempts(context)),
    Promise.all(pools.list.map(({ engine }) => engine.living())),
  ])
  return {
    jobs: new Map(aggregates.jobs),
    runs: [...aggregates.runs.values()],
    reservations: reservations.flat(),
    living: new Set(living.flatMap((of) => [...of])),
    observed: new Map([...observed].map(([attempt, { state }]) => [attempt, state])),
    extents,
  }
}

/** In an order in which nothing that happens meanwhile looks like a gap. */
async function readExtents({ aggregates, ledger, store }: Context): Promise<Extent[]> {
  const jobs = [...aggregates.jobs.keys()].map(jobAggregate)
  const runs = [...aggregates.runs.keys()].map(runAggregate)
  const names = [...jobs, ...runs]
  const known = new Map(names.map((name) => [name, aggregates.version(name)]))
  const versions = await ledger.versions(names)
  const unmirrored = new Map((await ledger.unmirrored()).map(({ aggregate, from }) => [aggregate, from]))
  const newest = [...jobs.slice(-JOURNALS), ...runs.slice(-JOURNALS)]
  const lengths = await concurrently(newest, async (name) => readLength(name))
  const journals = new Map(newest.map((name, index) => [name, lengths[index] ?? null]))
  return names.map((aggregate) => {
    const length = versions.get(aggregate) ?? 0
    return {
      aggregate,
      known: known.get(aggregate) ?? 0,
      ledger: length,
      mirrored: unmirrored.get(aggregate) ?? length,
      journal: journals.get(aggregate) ?? null,
      folded: aggregates.version(aggregate),
    }
  })

  async function readLength(name: string): Promise<number | string> {
    try {
      return (await readJournal(store, name)).length
    } catch (error) {
      if (error instanceof OrchestrateError && error.code === 'STORE_CORRUPT') return error.message
      throw error
    }
  }
}
