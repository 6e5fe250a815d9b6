import { limits } from '../limits.ts'

/** Does the work for all items, a few side by side, and keeps their order. The first failure stops what has not begun. */
export async function concurrently<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  atOnce: number = limits.store.objectsAtOnce,
): Promise<R[]> {
  const queue = [...items].entries()
  const results: R[] = []
  let failed = false
  const worker = async () => {
    for (const [index, item] of queue) {
      if (failed) return
      try {
        results[index] = await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker))
  for (const outcome of workers) if (outcome.status === 'rejected') throw outcome.reason
  return results
}
