import { OrchestrateError } from '../errors.ts'
import { concurrently } from './concurrently.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

/** Wide enough that names sort as numbers do. */
const digits = 12
const folder = (aggregate: string) => `${layout.journal}/${aggregate}`
const segment = (aggregate: string, from: number) => `${folder(aggregate)}/${String(from).padStart(digits, '0')}.jsonl`

/**
 * Mirrors events of an aggregate (`job/<key>`, `run/<id>`), the first of which is number `from` of it, counted from 0. Writing a segment again, also a longer
 * one, is fine; writing other events in its place is not: whoever does has lost touch with what happened.
 */
export async function appendSegment(
  store: Store,
  aggregate: string,
  from: number,
  events: readonly unknown[],
): Promise<void> {
  if (events.length === 0) return
  const key = segment(aggregate, from)
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
  for (const [index, name] of names.entries()) {
    const known = events.length - Number.parseInt(name, 10)
    const key = `${store.url}/${folder(aggregate)}/${name}`
    if (known < 0) throw new OrchestrateError('STORE_CORRUPT', `${key}: the events before it are missing`)
    const lines = bodies[index]?.toString().split('\n').filter(Boolean) ?? []
    events.push(...lines.slice(known).map((line) => parse(line, key)))
  }
  return events
}

/** Names of all aggregates of a kind that have a journal. */
export async function listJournals(store: Store, kind: 'job' | 'run' | 'pool'): Promise<string[]> {
  const names = await store.children(folder(kind))
  return names.filter((name) => name.endsWith('/')).map((name) => `${kind}/${name.slice(0, -1)}`)
}

function parse(line: string, key: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new OrchestrateError('STORE_CORRUPT', `${key} holds a line that is no JSON`, { cause: error })
  }
}
