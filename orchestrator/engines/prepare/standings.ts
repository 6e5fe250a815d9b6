import type { Standings } from '../../store/cache-uses.ts'
import type { Engine } from '../engine.ts'

/** For a host that has no ledger: how its attempts stand, as far as their engine can tell. */
export function standingsBy(engine: Pick<Engine, 'observe'>): Standings {
  return async (attempts) => {
    const seen = await engine.observe(attempts)
    return new Map(
      [...seen].flatMap(([attempt, { state }]) => {
        if (state === 'unclaimed') return [] // it may be launched again, or never
        return [[attempt, state === 'exited' || state === 'revoked' ? 'over' : 'live'] as const]
      }),
    )
  }
}
