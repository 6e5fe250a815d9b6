import { setTimeout as pause } from 'node:timers/promises'
import { submitFile, writePipeline } from '../../support/pipelines.ts'
import { ended, until } from '../../support/until.ts'
import { type Goal, table } from '../bench.ts'
import { processorTime } from '../processor-time.ts'
import { noops } from './orchestrated.ts'
import type { Place } from './way.ts'

const JOBS = 1000
const SETTLE_MS = 10_000
const MINUTE = 60_000
const MOST_PERCENT = 1

/** What the daemon takes of a core while a pool is full and a thousand jobs wait for it; nobody looks on meanwhile. */
export async function measurePending({ lab, atOnce }: Place): Promise<Goal[]> {
  const { client } = lab
  const busy = `entry: count, with: { steps: 100000, delay_ms: 600000, fail_at: 99999 }, resources: { cores: ${atOnce} }`
  const blocker = await submitFile(client, await writePipeline(`  busy: { ${busy} }`))
  await until(client, blocker.run, (view) => view.jobs[0]?.state === 'running')
  const from = performance.now()
  const waiting = await submitFile(client, await noops('local', JOBS))
  const submitted = performance.now() - from
  await pause(SETTLE_MS)
  const pids = { daemon: lab.process.pid ?? 0, Redis: lab.redis }
  const taken = (): number[] => Object.values(pids).map(processorTime)
  const before = taken()
  await pause(MINUTE)
  const shares = taken().map((ms, index) => ((ms - (before[index] ?? 0)) / MINUTE) * 100)
  const pending = (await client.run(waiting.run)).jobs.filter((job) => job.state === 'ready').length
  for (const { run } of [waiting, blocker]) {
    await client.cancel(run, 'now')
    await until(client, run, ended)
  }
  console.log(`A minute with ${pending} pending jobs, which were submitted in ${(submitted / 1000).toFixed(1)} s:`)
  console.log(
    table([['', '% of a core'], ...Object.keys(pids).map((name, index) => [name, shares[index]?.toFixed(2) ?? ''])]),
  )
  const [daemon = Number.NaN] = shares
  return [
    {
      what: `the daemon stays below ${MOST_PERCENT} % of a core with 1,000 pending jobs`,
      measured: `${daemon.toFixed(2)} % with ${pending}`,
      met: pending === JOBS && daemon < MOST_PERCENT,
    },
  ]
}
