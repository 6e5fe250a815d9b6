import { OrchestrateError } from '../../errors.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { concurrently } from '../../store/concurrently.ts'
import { listJournals, readJournal } from '../../store/journal.ts'
import { jobAggregate, runAggregate } from '../aggregates.ts'
import type { Context } from './context.ts'

/** What comparing the ledger with what was acknowledged has found, in aggregates (jobs and runs). */
export type Compared = {
  /** How many the store's journal has, and how many the ledger had. */
  store: number
  ledger: number
  /** Put back whole; put back at their end; replaced, because the store tells another story. */
  restored: number
  tails: number
  replaced: number
  /** Events put back. */
  events: number
}

const kinds = ['job', 'run'] as const

/**
 * For a control plane that has just started: compares each journal of the store with the ledger, event by event, and
 * puts back what the ledger lacks. What only the ledger has stays: the store is up to a second behind. Where the two
 * differ, another control plane has had the store meanwhile, and the store is right.
 */
export async function compareWithStore({ store, ledger, log }: Context): Promise<Compared> {
  const [journals, there] = await Promise.all([
    Promise.all(kinds.map((kind) => listJournals(store, kind))),
    Promise.all(kinds.map((kind) => ledger.aggregates(kind))),
  ])
  const found = { store: 0, ledger: there.flat().length, restored: 0, tails: 0, replaced: 0, events: 0 }
  const known = new Set(there.flat())
  await concurrently(journals.flat(), async (aggregate) => {
    const [told, had] = await Promise.all([
      readJournal(store, aggregate) as Promise<object[]>,
      known.has(aggregate) ? ledger.read(aggregate) : [],
    ])
    found.store += 1
    const agree = had.slice(0, told.length).every((event, i) => JSON.stringify(event) === JSON.stringify(told[i]))
    if (!agree) {
      log.error({ aggregate, events: had.length }, 'the ledger differs from the store, which is right')
      await ledger.forget(aggregate)
      found.replaced += 1
    } else if (told.length > had.length) {
      if (had.length === 0) found.restored += 1
      else found.tails += 1
    }
    const from = agree ? had.length : 0
    const events = await putBack(ledger, aggregate, told, from)
    found.events += events // others count beside us: read only now
  })
  return found
}

/**
 * For a control plane that has lived on while Redis was started anew: it knows every event that was acknowledged, so
 * counting them tells what the ledger lacks. `ledger` may be written to although that server isn't trusted yet.
 */
export async function compareWithMemory({ aggregates, journal, store }: Context, ledger: Ledger): Promise<Compared> {
  const names = [...[...aggregates.jobs.keys()].map(jobAggregate), ...[...aggregates.runs.keys()].map(runAggregate)]
  const known = new Map(names.map((name) => [name, aggregates.version(name)]))
  const versions = await ledger.versions(names)
  const lacking = names.filter((name) => (versions.get(name) ?? 0) < (known.get(name) ?? 0))
  const there = names.filter((name) => (versions.get(name) ?? 0) > 0).length
  const found = { store: names.length, ledger: there, restored: 0, tails: 0, replaced: 0, events: 0 }
  // With this the store has every event that was ever acknowledged.
  if (lacking.length > 0) await journal.flush()
  await concurrently(lacking, async (name) => {
    const told = (await readJournal(store, name)) as object[]
    if (told.length < (known.get(name) ?? 0))
      throw new OrchestrateError(
        'STORE_CORRUPT',
        `${store.url} has ${told.length} of the ${known.get(name)} events of ${name}`,
      )
    const from = versions.get(name) ?? 0
    if (from === 0) found.restored += 1
    else found.tails += 1
    const events = await putBack(ledger, name, told, from)
    found.events += events
  })
  // Appended without our having heard of it.
  const listed = (await Promise.all(kinds.map((kind) => ledger.aggregates(kind)))).flat()
  const news = listed.filter((name) => (versions.get(name) ?? 1) > (known.get(name) ?? 0))
  await concurrently(news, (name) => aggregates.refresh(name))
  return found
}

async function putBack(ledger: Ledger, aggregate: string, told: object[], from: number): Promise<number> {
  const tail = told.slice(from)
  if (tail.length === 0) return 0
  await ledger.restore(aggregate, tail, from)
  return tail.length
}
