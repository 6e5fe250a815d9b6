import type { Store } from './store.ts'

/** A store whose every write is preceded by a question, which throws where it must not be. */
export function guardedStore(store: Store, mayWrite: () => Promise<void>): Store {
  const guarded =
    <A extends unknown[], T>(write: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      await mayWrite()
      return write(...args)
    }
  return {
    ...store,
    create: guarded(store.create),
    put: guarded(store.put),
    putFile: guarded(store.putFile),
    putLog: guarded(store.putLog),
    delete: guarded(store.delete),
  }
}
