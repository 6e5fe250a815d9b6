import type { Bench, Goal } from '../bench.ts'
import { table } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { quantile } from '../statistics.ts'
import { type Measured, measureLoad } from './load.ts'
import { measurePending } from './pending.ts'

/** Each ten times the one before it, a tenth of its jobs at a time; the largest with time enough for a machine of two cores. */
const SIZES = [
  { jobs: 100, meanSeconds: 10 },
  { jobs: 1_000, meanSeconds: 10 },
  { jobs: 10_000, meanSeconds: 40 },
]
const TELL_SECONDS = 5

/** What many jobs cost the control plane, and whether it keeps count of them. */
export const scale: Bench = {
  about: 'what 100, 1,000 and 10,000 jobs that only pretend to run do to a real daemon, its Redis and its store',
  parts: {
    pending: (_lab, seed) => measurePending(seed),
    ...Object.fromEntries(
      SIZES.map(({ jobs, meanSeconds }) => [
        `${jobs}`,
        async (_lab: Lab, seed: number) => {
          const load = { jobs, atOnce: jobs / 10, seed, meanSeconds, tellSeconds: TELL_SECONDS }
          return report(await measureLoad(load))
        },
      ]),
    ),
  },
}

function report(measured: Measured): Goal[] {
  const { load, account, violations } = measured
  const wrong = [...account.lost, ...account.doubled, ...violations]
  for (const line of wrong.slice(0, 20)) console.log(`  ${line}`)
  console.log(`${load.jobs} jobs, ${load.atOnce} at a time, ${load.meanSeconds} s each on average:`)
  console.log(table(rows(measured)))
  console.log(`  ends of attempts: ${JSON.stringify(account.ends)}`)
  console.log(`  store: ${JSON.stringify(measured.requests)}`)
  const what = (name: string): string => `${load.jobs} jobs, ${name}`
  return [
    { what: what('none lost'), measured: `${account.lost.length} lost`, met: account.lost.length === 0 },
    { what: what('none doubled'), measured: `${account.doubled.length} doubled`, met: account.doubled.length === 0 },
    {
      what: what('no more at a time than there is room for'),
      measured: `${account.mostAtOnce} of ${load.atOnce}`,
      met: account.mostAtOnce <= load.atOnce,
    },
    { what: what('invariants hold'), measured: `${violations.length} violated`, met: violations.length === 0 },
  ]
}

function rows({ load, account, ...measured }: Measured): string[][] {
  const { cpu, memory, redis, requests, view } = measured
  const per = (amount: number, digits = 1): string => (amount / load.jobs).toFixed(digits)
  const ms = (values: number[], p: number): string =>
    values.length === 0 ? '-' : `${Math.round(quantile(values, p))} ms`
  const kib = (bytes: number): string => `${(bytes / load.jobs / 1024).toFixed(1)} KiB`
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
  const stored = Object.values(requests).reduce((sum, count) => sum + count, 0)
  return [
    ['', 'per job', 'in all'],
    ['submission', `${per(measured.submitSeconds * 1000)} ms`, `${measured.submitSeconds.toFixed(1)} s`],
    ['attempts', per(account.attempts, 2), `${account.attempts} in ${measured.runSeconds.toFixed(0)} s`],
    ['processor, submission', `${per(cpu.submit * 1000)} ms`, `${cpu.submit.toFixed(1)} s`],
    ['processor, from then on', `${per(cpu.run * 1000)} ms`, `${cpu.run.toFixed(1)} s`],
    ['processor of Redis', `${per(cpu.redis * 1000)} ms`, `${cpu.redis.toFixed(1)} s`],
    ['Redis scripts', per(redis.scripts), `${redis.scripts}`],
    ['Redis commands, in scripts too', per(redis.commands), `${redis.commands}`],
    ['store requests', per(stored), `${stored}`],
    ['daemon heap kept', kib(memory.heapAfter - memory.heapBefore), mib(memory.heapAfter)],
    ['daemon memory at most', '', mib(memory.peak)],
    ['Redis memory kept', kib(memory.redisAfter - memory.redisBefore), mib(memory.redisAfter)],
    ['dispatch, first fill, p50 p99', ms(account.filling, 0.5), ms(account.filling, 0.99)],
    ['dispatch from then on, p50 p99', ms(account.dispatch, 0.5), ms(account.dispatch, 0.99)],
    ['end to result, p50 p99', ms(account.results, 0.5), ms(account.results, 0.99)],
    ['one view of the run', `${Math.round(view.milliseconds)} ms`, mib(view.bytes)],
    ['start after a crash', '', `${(measured.restart / 1000).toFixed(1)} s`],
  ]
}
