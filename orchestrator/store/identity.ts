import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { readJson, toJson } from './json.ts'
import { layout } from './layout.ts'
import type { Store } from './store.ts'

const Identity = z.object({ id: z.string() })

/** The identity of a store that a control plane has used; null for one that none has. */
export async function knownIdentity(store: Store): Promise<string | null> {
  return (await readJson(store, layout.identity, Identity))?.id ?? null
}

/** What tells this store from every other one, wherever it is reached: made once, by whoever opens it first. */
export async function identityOf(store: Store): Promise<string> {
  const known = await knownIdentity(store)
  if (known !== null) return known
  await store.create(layout.identity, toJson({ id: randomUUID() }))
  const made = await readJson(store, layout.identity, Identity) // somebody else's, if that was first
  if (!made)
    throw new OrchestrateError('STORE_UNWRITABLE', `${store.url}/${layout.identity} was written and isn't there`)
  return made.id
}
