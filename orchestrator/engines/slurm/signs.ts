import { readdir } from 'node:fs/promises'
import { limits } from '../../limits.ts'
import { type Answer, jobKey } from './queue-poll.ts'

/** Files of an attempt that tell of its start and its end. */
const FILES = ['claim', 'exit.json', 'end.json'] as const
/** Whatever was missed: it is looked at again. */
const AGAIN_MS = 60_000

type Watched = { directory: string; key: string | null; files: string; wake: Set<() => void>; next: number }

/**
 * Wakes those who wait for an attempt when there may be news: a file appeared in its directory, or Slurm says something
 * else of its job. No kernel tells of what other nodes write to a shared file system: the files are looked at, and the
 * less often the more there are.
 */
export class Signs {
  readonly #watched = new Map<string, Watched>()
  readonly #ask: () => void
  #timer: NodeJS.Timeout | null = null

  /** `ask` is called now and then while anybody waits. */
  constructor(ask: () => void) {
    this.#ask = ask
  }

  /** Resolves when another look is worth it. `files`: those that the last look has found. */
  async news(
    attempt: string,
    { directory, job, files }: { directory: string; job: { name: string; task: number | null } | null; files: string },
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => reject(signal.reason)
    const watched = this.#watched.get(attempt) ?? { directory, key: null, files, wake: new Set(), next: 0 }
    this.#watched.set(attempt, watched)
    Object.assign(watched, { key: job === null ? null : jobKey(job), files, next: Date.now() + AGAIN_MS })
    watched.wake.add(resolve)
    signal.addEventListener('abort', abort, { once: true })
    this.#schedule()
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', abort)
      watched.wake.delete(resolve)
      if (watched.wake.size === 0) this.#watched.delete(attempt)
    }
  }

  wake(attempt: string): void {
    for (const resolve of this.#watched.get(attempt)?.wake ?? []) resolve()
  }

  /** Wakes all of whom Slurm says something else than before, or nothing; after a silence (no `before`), all. */
  heard({ jobs }: Answer, before: Answer | null): void {
    for (const [attempt, { key }] of this.#watched) {
      if (key === null) continue
      const states = (all: Answer['jobs']) => (all.get(key) ?? []).map(({ number, state }) => number + state).join()
      if (before === null || !jobs.has(key) || states(jobs) !== states(before.jobs)) this.wake(attempt)
    }
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#watched.clear()
  }

  #schedule(): void {
    const { filesEach, filesLeast, filesMost } = limits.slurm
    if (this.#timer !== null || this.#watched.size === 0) return
    const after = Math.min(filesMost, Math.max(filesLeast, this.#watched.size * filesEach))
    this.#timer = setTimeout(() => {
      void this.#lookAtFiles().finally(() => {
        this.#timer = null
        this.#schedule()
      })
    }, after)
    this.#timer.unref()
  }

  async #lookAtFiles(): Promise<void> {
    this.#ask()
    for (const [attempt, watched] of this.#watched) {
      const files = await filesIn(watched.directory)
      if (files !== watched.files || Date.now() > watched.next) this.wake(attempt)
    }
  }
}

/** Which of them are there, in a word. One listing: to ask for each, most of which aren't there, would cost several times that. */
export async function filesIn(directory: string): Promise<string> {
  const there = new Set(await readdir(directory).catch(() => []))
  return FILES.filter((name) => there.has(name)).join()
}
