import type { Store } from '../../../orchestrator/store/store.ts'

/** How often each method of a store was called. */
export type Requests = Record<string, number>

/** The same store, which counts what it is asked. */
export function countRequests(store: Store, requests: Requests): Store {
  const counted = Object.entries(store).map(([name, member]) => {
    if (typeof member !== 'function') return [name, member]
    const call = member as (...args: unknown[]) => unknown
    const counting = (...args: unknown[]): unknown => {
      requests[name] = (requests[name] ?? 0) + 1
      return call(...args)
    }
    return [name, counting]
  })
  return Object.fromEntries(counted) as Store
}
