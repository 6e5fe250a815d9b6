import { OrchestrateError } from '../errors.ts'
import { concurrently } from './concurrently.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

/** Wide enough that names sort as numbers do. */
const digits = 12
const segment = (aggregate: string, version: number) =>
  `${folder(aggregate)}/${String(version).padStart(digits, '0')}.jsonl`
const folder = (aggregate: string) => `${layout.journal}/${encodeURIComponent(aggregate)}`

/**
 * Mirrors events of an aggregate, the first of which made version `first` of it. Writing a segment again, also a longer
 * one, is fine; writing other events in its place is not: whoever does has lost touch with what happened.
 */
export async function appendJournal(
  store: Store,
  aggregate: string,
  first: number,
  events: readonly unknown[],
): Promise<void> {
  if (events.length === 0) return
  const key = segment(aggregate, first)
  const body = events.map((event) => `${JSON.stringify(event)}\n`).join('')
  if ((await store.create(key, body)) === 'created') return
  const before = (await store.get(key))?.toString() ?? ''
  if (before.startsWith(body)) return
  if (!body.startsWith(before))
    throw new OrchestrateError('STORE_CORRUPT', `${store.url}/${key} holds other events than were to be written there`)
  await store.put(key, body)
}

/** All mirrored events of an aggregate in order. Segments may overlap; a gap between them is STORE_CORRUPT. */
export async function readJournal(store: Store, aggregate: string): Promise<unknown[]> {
  const names = (await store.children(folder(aggregate))).filter((name) => name.endsWith('.jsonl'))
  const bodies = await concurrently(names, (name) => store.get(`${folder(aggregate)}/${name}`))
  const events: unknown[] = []
  let base: number | null = null
  for (const [index, name] of names.entries()) {
    const version = Number.parseInt(name, 10)
    base ??= version
    const known = base + events.length - version
    if (known < 0 || base > 1)
      throw new OrchestrateError(
        'STORE_CORRUPT',
        `${store.url}/${folder(aggregate)}: events before version ${version} are missing`,
      )
    const lines = bodies[index]?.toString().split('\n').filter(Boolean) ?? []
    events.push(...lines.slice(known).map((line): unknown => JSON.parse(line)))
  }
  return events
}

/** Names of all aggregates that have a journal. */
export async function listJournals(store: Store): Promise<string[]> {
  const names = await store.children(layout.journal)
  return names.filter((name) => name.endsWith('/')).map((name) => decodeURIComponent(name.slice(0, -1)))
}
