import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { connectRedis, type RedisLink } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import type { JobEvent } from '../../../orchestrator/run/job-events.ts'
import { concurrently } from '../../../orchestrator/store/concurrently.ts'
import type { JobHistory } from './account.ts'

/** The ledger of a daemon, read behind its back. */
export async function openLedger(socket: string): Promise<{ link: RedisLink; ledger: Ledger }> {
  const finder = new Redis(socket)
  const found = (await finder.keys('orchestrate:{*}:index:job')).map((key) => /\{(.+)\}/.exec(key)?.[1])
  finder.disconnect()
  const link = await connectRedis(socket, found[0] ?? 'none')
  return { link, ledger: new Ledger(link) }
}

export async function readJobs(ledger: Ledger): Promise<JobHistory[]> {
  const names = await ledger.aggregates('job')
  return concurrently(
    names,
    async (name) => ({ key: name.slice('job/'.length), events: (await ledger.read(name)) as JobEvent[] }),
    100,
  )
}

/** Asks the ledger, not the daemon: an answer of the daemon's is a cost of its own, and measured apart. */
export async function untilFinished(socket: string, run: string): Promise<void> {
  await untilIn(socket, async (ledger) => {
    const events = (await ledger.read(`run/${run}`, 1)) as { type: string }[]
    return events.some(({ type }) => type === 'run.finished')
  })
}

export const untilTold = (socket: string, wanted: (jobs: JobHistory[]) => boolean): Promise<void> =>
  untilIn(socket, async (ledger) => wanted(await readJobs(ledger)))

async function untilIn(socket: string, wanted: (ledger: Ledger) => Promise<boolean>): Promise<void> {
  const { link, ledger } = await openLedger(socket)
  try {
    while (!(await wanted(ledger))) await pause(500)
  } finally {
    await link.close()
  }
}
