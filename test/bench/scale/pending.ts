import { setTimeout as pause } from 'node:timers/promises'
import { type Goal, table } from '../bench.ts'
import { cpuSeconds, redisCosts } from './costs.ts'
import { openLedger, untilTold } from './ledger-of.ts'
import { setStage } from './stage.ts'
import { submitJobs } from './workload.ts'

/** Jobs that wait for a place. Twice as many are submitted, those of before among them: the other half wait for these. */
const PENDING = [0, 1_000, 10_000]
const GOAL = 1_000
const WINDOW_MS = 60_000
const MOST_PERCENT = 1

/** What a daemon does all day while jobs wait for one that takes for ever. */
export async function measurePending(seed: number): Promise<Goal[]> {
  const stage = await setStage({ atOnce: 1, seed, meanSeconds: 1e6, tellSeconds: 5 })
  try {
    const rows: string[][] = [['jobs that wait', 'core', 'core of Redis', 'Redis commands a second']]
    const percents = new Map<number, number>()
    for (const pending of PENDING) {
      if (pending > 0) await submitJobs(stage, 2 * pending, `pending-${pending}`)
      await untilTold(stage.redisSocket, (jobs) => jobs.every(({ events }) => events.length > 1))
      await pause(15_000) // what follows a submission is over
      const { link } = await openLedger(stage.redisSocket)
      const from = { at: performance.now(), cpu: cpuSeconds(stage.pid()), redis: await redisCosts(link.redis) }
      await pause(WINDOW_MS)
      const redis = await redisCosts(link.redis)
      const seconds = (performance.now() - from.at) / 1000
      const percent = (cpu: number): number => (100 * cpu) / seconds
      percents.set(pending, percent(cpuSeconds(stage.pid()) - from.cpu))
      rows.push([
        String(pending),
        `${percents.get(pending)?.toFixed(2)} %`,
        `${percent(redis.cpu - from.redis.cpu).toFixed(2)} %`,
        ((redis.commands - from.redis.commands) / seconds).toFixed(1),
      ])
      await link.close()
    }
    console.log(`Share of a core over ${WINDOW_MS / 1000} s while one job runs and others wait for it:`)
    console.log(table(rows))
    const measured = percents.get(GOAL) ?? Number.NaN
    return [
      {
        what: `below ${MOST_PERCENT} % of a core with ${GOAL} pending jobs`,
        measured: `${measured.toFixed(2)} %`,
        met: measured < MOST_PERCENT,
      },
    ]
  } finally {
    await stage.end()
  }
}
