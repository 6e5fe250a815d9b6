import type { Standings } from '../store/cache-uses.ts'
import type { Aggregates } from './aggregates.ts'

/** How attempts stand in the ledger: one that was revoked, or has ended, can't start or run any more. */
export function attemptStandings({ jobs }: Pick<Aggregates, 'jobs'>): Standings {
  return async (asked) => {
    const wanted = new Set(asked)
    const attempts = [...jobs.values()].flatMap((job) => job.attempts).filter(({ attempt }) => wanted.has(attempt))
    return new Map(attempts.map(({ attempt, endedAt }) => [attempt, endedAt === null ? 'live' : 'over']))
  }
}
