import { join, resolve } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import type { Engine, Observation, RankProcess } from './engine.ts'

/** Stands in for a pool that is no longer configured: of its attempts nothing can be known, so none counts as over. */
export class AbsentEngine implements Engine {
  readonly kind = 'local'
  readonly writes = 'polled'
  readonly metrics: string
  readonly #pool: string
  readonly #attempts: string

  constructor(pool: string, stateDir: string) {
    this.#pool = pool
    this.#attempts = resolve(stateDir, 'attempts')
    this.metrics = resolve(stateDir, 'job-metrics')
  }

  directory(attempt: string): string {
    return join(this.#attempts, attempt)
  }

  async launch(): Promise<void> {
    throw this.#unknown()
  }

  async observe(attempts: string[]): Promise<Map<string, Observation>> {
    return new Map(attempts.map((attempt) => [attempt, { state: 'unknown' }]))
  }

  async living(): Promise<Set<string>> {
    return new Set()
  }

  async signal(): Promise<void> {
    throw this.#unknown()
  }

  async processes(): Promise<RankProcess[] | null> {
    return null
  }

  async revoke(): Promise<never> {
    throw this.#unknown()
  }

  started(_: string, signal: AbortSignal): Promise<void> {
    return this.#never(signal)
  }

  ended(_: string, signal: AbortSignal): Promise<void> {
    return this.#never(signal)
  }

  async forget(): Promise<void> {
    throw this.#unknown()
  }

  #never(signal: AbortSignal): Promise<void> {
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  #unknown(): OrchestrateError {
    return new OrchestrateError('POOL_UNKNOWN', `pool '${this.#pool}' is not in pools.yaml any more`)
  }
}
