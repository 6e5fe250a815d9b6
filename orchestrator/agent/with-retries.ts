import { setTimeout as pause } from 'node:timers/promises'
import { limits } from '../limits.ts'

type Options = {
  signal: AbortSignal
  /** Whether to try again after this error. */
  retry: (error: unknown) => Promise<boolean>
}

/** Does something until it is done; pauses double. Rejects when aborted, and with what isn't worth another try. */
export async function withRetries<T>(work: () => Promise<T> | T, { signal, retry }: Options): Promise<T> {
  for (let wait: number = limits.agents.retryFirst; ; wait = Math.min(2 * wait, limits.agents.retryLongest)) {
    try {
      signal.throwIfAborted()
      return await work()
    } catch (error) {
      if (signal.aborted || !(await retry(error))) throw error
      await pause(wait, undefined, { signal })
    }
  }
}
