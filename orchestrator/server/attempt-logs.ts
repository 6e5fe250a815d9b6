import type { AttemptLog } from './attempt-log.ts'
import { AttemptTail } from './attempt-tail.ts'
import type { AttemptPlace } from './pools/place-of.ts'

/** Most logs that are kept of attempts that nobody follows. */
const KEPT = 2000

/** Logs of attempts: followed while they run, read on demand afterwards, and the least used of these forgotten. */
export class AttemptLogs {
  readonly #followed = new Map<string, AttemptTail>()
  readonly #tails = new Map<string, AttemptTail>()
  readonly #read = new Set<string>()
  readonly #place: (attempt: string) => AttemptPlace
  readonly #redact: (line: string) => string
  readonly #changed: (attempt: string) => void

  constructor(
    place: (attempt: string) => AttemptPlace,
    redact: (line: string) => string,
    changed: (attempt: string) => void,
  ) {
    this.#place = place
    this.#redact = redact
    this.#changed = changed
  }

  follow(attempt: string): void {
    const tail = this.#tail(attempt)
    this.#tails.delete(attempt)
    this.#followed.set(attempt, tail)
    tail.start()
  }

  /** Stops following and returns the whole log. */
  async finish(attempt: string): Promise<AttemptLog> {
    const tail = this.#tail(attempt)
    tail.stop()
    this.#followed.delete(attempt)
    this.#keep(attempt, tail)
    return this.refresh(attempt)
  }

  /** What is known now of an attempt; reads the files of one that isn't followed, once. */
  async get(attempt: string): Promise<AttemptLog> {
    return this.#read.has(attempt) ? this.#tail(attempt).log : this.refresh(attempt)
  }

  /** The log with what was written until now, also where nobody tells that something was. */
  async refresh(attempt: string): Promise<AttemptLog> {
    const tail = this.#tail(attempt)
    await tail.read()
    this.#read.add(attempt)
    return tail.log
  }

  close(): void {
    for (const tail of this.#followed.values()) tail.stop()
  }

  #tail(attempt: string): AttemptTail {
    const followed = this.#followed.get(attempt)
    if (followed) return followed
    const tail =
      this.#tails.get(attempt) ?? new AttemptTail(this.#place(attempt), this.#redact, () => this.#changed(attempt))
    this.#keep(attempt, tail)
    return tail
  }

  #keep(attempt: string, tail: AttemptTail): void {
    this.#tails.delete(attempt)
    this.#tails.set(attempt, tail)
    const oldest = this.#tails.size > KEPT ? this.#tails.keys().next().value : undefined
    if (oldest === undefined) return
    this.#tails.delete(oldest)
    this.#read.delete(oldest)
  }
}
