import { setTimeout as pause } from 'node:timers/promises'
import { execa } from 'execa'
import { submitFile, writePipeline } from '../../support/pipelines.ts'
import { ended, until } from '../../support/until.ts'
import { type Goal, table } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { processorTime } from '../processor-time.ts'
import { noops } from './orchestrated.ts'
import type { Place } from './way.ts'

const JOBS = 1000
/** Of a Slurm pool that says nothing else: the rest wait at the daemon. */
const SUBMITTED = 500
const SETTLE_MS = 10_000
const MINUTE = 60_000
const MOST_PERCENT = 1

/** What the daemon takes of a core while nothing can start in a pool and a thousand jobs wait for it; nobody looks on. */
export async function measurePending({ lab, atOnce }: Place): Promise<Goal[]> {
  const shares = new Map([['local', await whilePending(lab, 'local', 0, () => keepBusy(lab, atOnce))]])
  if (lab.settings.SLURM_CONF)
    shares.set('slurm', await whilePending(lab, 'slurm', SUBMITTED, () => holdPartition(lab.settings)))
  console.log(`A minute with ${JOBS} jobs that wait, % of a core:`)
  console.log(
    table([
      ['', 'daemon', 'Redis', 'submitted in, s'],
      ...[...shares].map(([pool, { daemon, redis, submitted }]) => [
        pool === 'slurm' ? `slurm, ${SUBMITTED} of them in its queue` : pool,
        daemon.toFixed(2),
        redis.toFixed(2),
        (submitted / 1000).toFixed(1),
      ]),
    ]),
  )
  return [...shares].map(([pool, { daemon }]) => ({
    what: `the daemon stays below ${MOST_PERCENT} % of a core with 1,000 pending jobs (${pool})`,
    measured: `${daemon.toFixed(2)} %`,
    met: daemon < MOST_PERCENT,
  }))
}

/** `fill` sees to it that nothing starts, and returns how to undo that. */
async function whilePending(lab: Lab, pool: string, placed: number, fill: () => Promise<() => Promise<unknown>>) {
  const { client } = lab
  const empty = await fill()
  const from = performance.now()
  const { run } = await submitFile(client, await noops(pool, JOBS))
  const submitted = performance.now() - from
  await until(client, run, ({ jobs }) => jobs.filter(({ state }) => state === 'placed').length === placed)
  await pause(SETTLE_MS)
  const taken = (): [number, number] => [processorTime(lab.process.pid ?? 0), processorTime(lab.redis)]
  const before = taken()
  await pause(MINUTE)
  const after = taken()
  const waiting = (await client.run(run)).jobs.filter(({ state }) => state === 'ready' || state === 'placed').length
  if (waiting !== JOBS) throw new Error(`${JOBS - waiting} of the jobs did not wait`)
  await client.cancel(run, 'now')
  await until(client, run, ended)
  await empty()
  const share = (index: 0 | 1): number => ((after[index] - before[index]) / MINUTE) * 100
  return { daemon: share(0), redis: share(1), submitted }
}

/** One job that has all cores and does nothing. */
async function keepBusy({ client }: Lab, cores: number): Promise<() => Promise<unknown>> {
  const busy = `entry: count, with: { steps: 100000, delay_ms: 600000, fail_at: 99999 }, resources: { cores: ${cores} }`
  const { run } = await submitFile(client, await writePipeline(`  busy: { ${busy} }`))
  await until(client, run, (view) => view.jobs[0]?.state === 'running')
  return async () => {
    await client.cancel(run, 'now')
    await until(client, run, ended)
  }
}

/** A partition that is down takes jobs, and starts none. */
async function holdPartition(env: Record<string, string>): Promise<() => Promise<unknown>> {
  const set = (state: 'DOWN' | 'UP') => execa('scontrol', ['update', 'PartitionName=gpu', `State=${state}`], { env })
  await set('DOWN')
  return () => set('UP')
}
