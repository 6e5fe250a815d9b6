import { type Account, takeAccount } from './account.ts'
import { cpuSeconds, peakMemory, type RedisCosts, redisCosts } from './costs.ts'
import { openLedger, readJobs, untilFinished } from './ledger-of.ts'
import { type Held, type Stage, setStage } from './stage.ts'
import { submitJobs } from './workload.ts'

export type Load = { jobs: number; atOnce: number; seed: number; meanSeconds: number; tellSeconds: number }

/** What a load did to a daemon, and to what it stands on. */
export type Measured = {
  load: Load
  account: Account
  /** What is not as it should be, by the daemon's own word. */
  violations: string[]
  submitSeconds: number
  runSeconds: number
  /** From submission to the last job's end. */
  cpu: { submit: number; run: number; redis: number }
  memory: { peak: number; heapBefore: number; heapAfter: number; redisBefore: number; redisAfter: number }
  redis: { scripts: number; commands: number }
  requests: Record<string, number>
  /** The whole run, as a client that asks for it gets it. */
  view: { milliseconds: number; bytes: number }
  /** After a crash at the end: milliseconds until a new daemon answers, with all that history. */
  restart: number
}

export async function measureLoad(load: Load): Promise<Measured> {
  const stage = await setStage(load)
  try {
    return await measureOn(stage, load)
  } finally {
    await stage.end()
  }
}

async function measureOn(stage: Stage, load: Load): Promise<Measured> {
  const before = await costsOf(stage)
  const from = performance.now()
  const { run } = await submitJobs(stage, load.jobs)
  const submitted = { at: performance.now(), cpu: cpuSeconds(stage.pid()) }
  await untilFinished(stage.redisSocket, run)
  const ended = performance.now()
  const after = await costsOf(stage)
  const { link, ledger } = await openLedger(stage.redisSocket)
  const account = takeAccount(await readJobs(ledger), await stage.seen(), load.atOnce)
  await link.close()
  const asked = performance.now()
  const view = await stage.client.run(run)
  const milliseconds = performance.now() - asked
  const { violations } = await stage.client.invariants()
  return {
    load,
    account,
    violations: violations.map(({ subject, detail }) => `${subject}: ${detail}`),
    submitSeconds: (submitted.at - from) / 1000,
    runSeconds: (ended - submitted.at) / 1000,
    cpu: {
      submit: submitted.cpu - before.cpu,
      run: after.cpu - submitted.cpu,
      redis: after.redis.cpu - before.redis.cpu,
    },
    memory: {
      peak: peakMemory(stage.pid()),
      heapBefore: before.held.heap,
      heapAfter: after.held.heap,
      redisBefore: before.redis.memory,
      redisAfter: after.redis.memory,
    },
    redis: {
      scripts: after.redis.scripts - before.redis.scripts,
      commands: after.redis.commands - before.redis.commands,
    },
    requests: difference(after.held.requests, before.held.requests),
    view: { milliseconds, bytes: JSON.stringify(view).length },
    restart: await stage.restart(),
  }
}

type Costs = { cpu: number; held: Held; redis: RedisCosts }

async function costsOf(stage: Stage): Promise<Costs> {
  const { link } = await openLedger(stage.redisSocket)
  const costs = { cpu: cpuSeconds(stage.pid()), held: await stage.held(), redis: await redisCosts(link.redis) }
  await link.close()
  return costs
}

function difference(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]))
}
