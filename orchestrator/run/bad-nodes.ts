import type { Job } from './job.ts'

const DAY_MS = 24 * 3_600_000
/** One failure may be anybody's; a node under which it happens again is not asked a third time. */
const FAILURES = 2

/**
 * Nodes of a pool that are to blame for the ends of several attempts within the last day, and for how many each.
 * Failures are forgotten a day after they happened, so a node that was mended comes back by itself.
 */
export function badNodes(jobs: Iterable<Job>, pool: string, now: number): Map<string, number> {
  const failures = new Map<string, number>()
  for (const job of jobs) {
    if (job.planned.pool !== pool) continue
    for (const { outcome, endedAt } of job.attempts) {
      if (outcome?.kind !== 'nodeLost' || endedAt === null || endedAt < now - DAY_MS) continue
      for (const node of new Set(outcome.nodes)) failures.set(node, (failures.get(node) ?? 0) + 1)
    }
  }
  return new Map([...failures].filter(([, times]) => times >= FAILURES))
}
