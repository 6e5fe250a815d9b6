import { readdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { socketPath } from '../../../orchestrator/ledger/socket-path.ts'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { appendSegment, listJournals, readJournal } from '../../../orchestrator/store/journal.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'

/** Steps that nothing comes to the end of. */
export const ENDLESS = 100_000

/** A few jobs that take a while, and two that need them: something of everything is under way at any moment. */
export const busyStages = (steps = 60): string => `
  first: { entry: count, with: { steps: ${steps}, delay_ms: 20 }, shards: 2 }
  other: { entry: count, with: { steps: ${steps + 1}, delay_ms: 20 } }
  after: { entry: join, inputs: { numbers: first.numbers } }
  last: { entry: join, inputs: { numbers: other.numbers } }`

export async function redisPid(state: string): Promise<number> {
  return Number(await readFile(join(state, 'redis/redis.pid'), 'utf8'))
}

/** Ends the embedded Redis as a crash would. */
export async function killRedis(state: string): Promise<void> {
  process.kill(await redisPid(state), 'SIGKILL')
}

/** What Redis keeps on disk, gone. */
export const removeFiles = (state: string): Promise<void> =>
  rm(join(state, 'redis/appendonlydir'), { recursive: true, force: true })

/** Ends the embedded Redis as a loss of power may: its file ends within the command that first holds `text` for the nth time. */
export async function cutRedis(state: string, text: string, nth: number): Promise<void> {
  const pid = await redisPid(state)
  process.kill(pid, 'SIGSTOP') // or a daemon that lives would start the next one before the file is cut
  const folder = join(state, 'redis/appendonlydir')
  const name = (await readdir(folder)).find((one) => one.endsWith('.incr.aof')) ?? ''
  const file = await readFile(join(folder, name))
  let end = 0
  for (let i = 0; i < nth; i++) end = file.indexOf(text, end) + text.length
  await truncate(join(folder, name), end)
  process.kill(pid, 'SIGKILL')
}

/** Starts of a worker by attempt: each says hello once. */
export async function starts(state: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const attempt of await readdir(join(state, 'attempts'))) {
    const text = await readFile(join(state, 'attempts', attempt, 'events.0.jsonl'), 'utf8').catch(() => '')
    found.set(attempt, text.split('\n').filter((line) => line.includes('"hello"')).length)
  }
  return found
}

/**
 * Nothing was launched twice and nothing got lost: every attempt that was placed started once, has the one fence that the
 * store gave it, and the ledger and the store's journal tell the same story without a gap. For a state whose daemon has
 * stopped.
 */
export async function expectWhole(state: string): Promise<void> {
  const store = await openStore({ url: `file://${state}/store` })
  const redis = await startRedis(state)
  try {
    const namespace = await namespaceIn(redis.socket)
    const link = await connectRedis(redis.socket, namespace)
    const ledger = new Ledger(link)
    const names = [...(await ledger.aggregates('job')), ...(await ledger.aggregates('run'))]
    expect(names.length).toBeGreaterThan(0)
    const placed: string[] = []
    for (const name of names) {
      const events = (await ledger.read(name)) as { type: string; attempt?: string }[]
      expect(await readJournal(store, name)).toEqual(events)
      for (const { type, attempt } of events) if (type === 'attempt.placed' && attempt) placed.push(attempt)
    }
    await link.close()
    expect(new Set(placed).size).toBe(placed.length)
    expect(await starts(state)).toEqual(new Map(placed.map((attempt) => [attempt, 1])))
  } finally {
    await redis.stop()
  }
}

/** Leaves of each job's journal what came before its first event of a type. */
export async function cutJournals(state: string, before: string): Promise<void> {
  const store = await openStore({ url: `file://${state}/store` })
  for (const name of await listJournals(store, 'job')) {
    const events = (await readJournal(store, name)) as { type: string }[]
    const count = events.findIndex(({ type }) => type === before)
    if (count < 0) continue
    await rm(join(state, 'store/journal', name), { recursive: true })
    await appendSegment(store, name, 0, events.slice(0, count))
  }
}

/** The one corner that a daemon made for itself. */
async function namespaceIn(socket: string): Promise<string> {
  const link = await connectRedis(socket, 'look')
  const keys = await link.redis.keys('orchestrate:{*}:log:*')
  await link.close()
  const found = new Set(keys.map((key) => /\{(.*?)\}/.exec(key)?.[1] ?? ''))
  expect([...found]).toHaveLength(1)
  return [...found][0] ?? ''
}

export const redisSocket = (state: string): string => socketPath(state, 'redis/redis.sock')
