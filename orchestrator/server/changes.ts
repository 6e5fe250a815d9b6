import { EventEmitter } from 'node:events'

/** Tells whoever watches a run that something about it may look different now. */
export class Changes {
  readonly #emitter = new EventEmitter().setMaxListeners(0)

  tell(): void {
    this.#emitter.emit('change')
  }

  /**
   * Calls back after changes, at most once in `everyMs`, the last one never lost. A callback that takes long is called less
   * often: nine tenths of the time are for other work, however large it is what somebody watches. Returns the way to stop.
   */
  follow(everyMs: number, callback: () => Promise<void>): () => void {
    let pending = false
    let busy = false
    let stopped = false
    const run = (): void => {
      if (busy || stopped) return
      pending = false
      busy = true
      const from = performance.now()
      void callback()
        .catch(() => {})
        .finally(() =>
          setTimeout(
            () => {
              busy = false
              if (pending) run()
            },
            Math.max(everyMs, 9 * (performance.now() - from)),
          ).unref(),
        )
    }
    const changed = (): void => {
      pending = true
      run()
    }
    this.#emitter.on('change', changed)
    return () => {
      stopped = true
      this.#emitter.off('change', changed)
    }
  }
}
