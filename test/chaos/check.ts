import { setTimeout as pause } from 'node:timers/promises'
import { foldJob } from '../../orchestrator/run/fold-job.ts'
import type { JobEvent } from '../../orchestrator/run/job-events.ts'
import { listJournals, readJournal } from '../../orchestrator/store/journal.ts'
import { Loss } from './loss.ts'
import { livingProcesses, livingRanks } from './processes.ts'
import { errorsOf, type Workload } from './workload.ts'
import type { World } from './world.ts'

/** No shard has two attempts that live, and no rank two processes. Asks the kernel, not the control plane. */
export function checkNobodyTwice(world: World): void {
  const shards = Map.groupBy(livingRanks(world.state), ({ attempt }) => attempt.replace(/-\d+$/, ''))
  for (const [shard, ranks] of shards) {
    const alive = ranks.filter(({ pid }) => lives(pid)) // one may have ended while the list was made
    const attempts = new Set(alive.map(({ attempt }) => attempt))
    if (attempts.size > 1) throw new Loss(`${shard} is run by ${[...attempts].join(' and ')} at the same time`)
    const numbers = alive.map(({ rank }) => rank)
    if (new Set(numbers).size < numbers.length) throw new Loss(`${[...attempts]} has ranks ${numbers.join(', ')}`)
  }
}

/** Between two looks at what should always be so, each of which reads many journals. */
const LOOK_MS = 2000

/** Throws as soon as the control plane itself finds that what should always be so is not; else when it is over. */
export async function watchInvariants({ client }: World, signal: AbortSignal): Promise<never> {
  for (;;) {
    await pause(LOOK_MS, undefined, { signal })
    // One that is away, or has lost Redis or the store for the moment, finds nothing.
    const { violations } = await client.invariants().catch(() => ({ violations: [] }))
    if (violations.length > 0) throw new Loss(`not as it should be: ${JSON.stringify(violations)}`)
  }
}

/**
 * A world whose runs have all ended: nothing was forgotten, nothing is left, nothing still runs. Returns how many attempts
 * were taken for hung.
 */
export async function checkEnd(world: World, workload: Workload): Promise<number> {
  const runs = await world.client.runs()
  for (const run of workload.runs)
    if (!runs.some((view) => view.run === run)) throw new Loss(`run ${run} was acknowledged, and is not known any more`)
  for (const view of runs)
    if (view.state !== 'succeeded') throw new Loss(`run ${view.run} is ${view.state}: ${errorsOf(view)}`)
  const { violations } = await world.client.invariants()
  if (violations.length > 0) throw new Loss(`not as it should be in the end: ${JSON.stringify(violations)}`)
  for (const { name, room } of runs[0]?.pools ?? [])
    for (const { of, all, free } of room)
      if (free !== all) throw new Loss(`${all - free} ${of}s of pool ${name} are still reserved`)
  const living = await livingProcesses(world.state)
  if (living.length > 0)
    throw new Loss(`still there: ${living.map(({ what, pid }) => `${what} (pid ${pid})`).join(', ')}`)
  await (await world.daemon()).stop() // writes down what it has not yet
  let hung = 0
  for (const aggregate of [...(await listJournals(world.store, 'job')), ...(await listJournals(world.store, 'run'))]) {
    const events = await readJournal(world.store, aggregate) // throws where one is missing
    if (!aggregate.startsWith('job/')) continue
    const job = foldJob(events as JobEvent[])
    if (job?.phase !== 'succeeded') throw new Loss(`the journal has ${aggregate} as ${job?.phase ?? 'nothing'}`)
    hung += job.attempts.filter(({ outcome }) => outcome?.kind === 'hung').length
  }
  return hung
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
