export type Waiting = { attempt: string; promise: Promise<void>; end: () => void }

/** Who waits for something to happen to an attempt. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiting>>()

  /** Resolves at the next `wake`, rejects when aborted. To be made before looking, so that nothing happens in between. */
  wait(attempt: string, signal: AbortSignal): Waiting {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => {
      this.cancel(waiting)
      reject(signal.reason)
    }
    const waiting: Waiting = {
      attempt,
      promise,
      end: () => {
        signal.removeEventListener('abort', abort)
        resolve()
      },
    }
    promise.catch(() => {}) // it may be aborted while its owner still looks
    signal.addEventListener('abort', abort, { once: true })
    const others = this.#waiting.get(attempt) ?? new Set()
    this.#waiting.set(attempt, others.add(waiting))
    return waiting
  }

  wake(attempt: string): void {
    for (const waiting of this.#waiting.get(attempt) ?? []) this.cancel(waiting)
  }

  cancel(waiting: Waiting): void {
    const others = this.#waiting.get(waiting.attempt)
    others?.delete(waiting)
    if (others?.size === 0) this.#waiting.delete(waiting.attempt)
    waiting.end()
  }
}
