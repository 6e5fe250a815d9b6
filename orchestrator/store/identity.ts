import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

const Identity = z.object({ id: z.string() })

/** What tells this store from every other one, wherever it is reached: made once, by whoever opens it first. */
export async function identityOf(store: Store): Promise<string> {
  const known = await readJson(store, layout.identity, Identity)
  if (known) return known.id
  await store.create(layout.identity, toJson({ id: randomUUID() }))
  const made = await readJson(store, layout.identity, Identity) // somebody else's, if that was first
  if (!made)
    throw new OrchestrateError('STORE_UNWRITABLE', `${store.url}/${layout.identity} was written and isn't there`)
  return made.id
}
