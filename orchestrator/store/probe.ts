import { randomUUID } from 'node:crypto'
import { OrchestrateError } from '../errors.ts'
import type { Store } from './store.ts'

/** Writes, reads and deletes one small object, and makes sure that the store refuses to create it twice. */
export async function probeStore(store: Store): Promise<void> {
  const key = `probe/${randomUUID()}`
  const first = await store.create(key, 'first')
  try {
    const second = await store.create(key, 'second')
    const kept = (await store.get(key))?.toString()
    if (first !== 'created' || second !== 'exists' || kept !== 'first')
      throw new OrchestrateError('STORE_NOT_CONDITIONAL', `${store.url} let an object be created twice`)
  } finally {
    await store.delete(key)
  }
}
