import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Capacity, type HostCapacity, type Reservation } from '../../../orchestrator/ledger/capacity.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { someNamespace, type TestRedis, testRedis } from './redis.ts'

/** A caller with a connection of its own. */
type Client = { capacity: Capacity; ledger: Ledger }

let redis: TestRedis
let clients: Client[]
beforeAll(async () => {
  redis = await testRedis()
  const namespace = someNamespace()
  clients = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const link = await redis.link(namespace)
      return { capacity: new Capacity(link), ledger: new Ledger(link) }
    }),
  )
})
afterAll(() => redis.end())

let rounds = 0
const client = (index: number): Client => clients[index % clients.length] as Client
const end = ({ ledger }: Client, pool: string, attempt: string) =>
  ledger.append(`job/${pool}-${attempt}`, 0, [{ at: 1 }], { pool, attempt })

/** Of a host, and of what a job needs. */
const size = fc.record({ cores: fc.integer({ min: 1, max: 8 }), gpus: fc.nat(4) })

const hostOf = (name: string, { cores, gpus }: { cores: number; gpus: number }): HostCapacity => ({
  cores,
  gpus: Array.from({ length: gpus }, (_, i) => `GPU-${name}-${i}`),
})

/** What is reserved never exceeds what hosts had when it was, and no GPU is anybody's twice. */
async function checkNothingTwice(pool: string, had: Map<string, HostCapacity>): Promise<void> {
  const reservations = await client(0).capacity.reservations(pool)
  const gpus = reservations.flatMap((each) => each.gpus)
  expect(new Set(gpus).size).toBe(gpus.length)
  for (const [name, has] of had) {
    const here = reservations.filter(({ host }) => host === name)
    expect(here.reduce((sum, { cores }) => sum + cores, 0)).toBeLessThanOrEqual(has.cores)
    expect(has.gpus).toEqual(expect.arrayContaining(here.flatMap((each) => each.gpus)))
  }
}

test('hosts come and go while many callers reserve at once: nothing is had twice, nothing in part, nothing on a host that has gone', async () => {
  const attempts = 30
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('reserve' as const), attempt: fc.nat(attempts - 1) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), attempt: fc.nat(attempts - 1) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), host: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const), host: fc.nat(3) }) },
  )
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 16 }), { minLength: 1, maxLength: 8 })
  const needs = fc.array(size, { minLength: attempts, maxLength: attempts })
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 4, maxLength: 4 }), needs, batches, async (boxes, needs, batches) => {
      const pool = `race-${++rounds}`
      const hosts = new Map(boxes.map((each, i) => [`h${i}`, hostOf(`h${i}`, each)]))
      for (const [name, has] of hosts) await client(0).capacity.setHost(pool, name, has)
      const away = new Set<string>()
      const ended = new Set<string>()
      const given = new Map<string, Reservation>()
      for (const batch of batches) {
        const joining = new Set(batch.flatMap((each) => (each.kind === 'join' ? [`h${each.host}`] : [])))
        const awayThroughout = new Set([...away].filter((name) => !joining.has(name)))
        const overBefore = new Set(ended)
        await Promise.all(
          batch.map(async (each, index) => {
            const caller = client(index)
            switch (each.kind) {
              case 'reserve': {
                const attempt = `a-${each.attempt}`
                const need = needs[each.attempt] ?? { cores: 1, gpus: 0 }
                const answer = await caller.capacity.reserve(pool, attempt, need)
                if (!answer.ok) return
                expect(overBefore).not.toContain(attempt)
                expect([answer.cores, answer.gpus.length]).toEqual([need.cores, need.gpus])
                const before = given.get(attempt)
                if (before) expect(answer).toEqual(before)
                else expect(awayThroughout).not.toContain(answer.host)
                given.set(attempt, answer)
                return
              }
              case 'end':
                await end(caller, pool, `a-${each.attempt}`)
                ended.add(`a-${each.attempt}`)
                return
              case 'leave':
                away.add(`h${each.host}`)
                return caller.capacity.removeHost(pool, `h${each.host}`)
              case 'join':
                away.delete(`h${each.host}`)
                return caller.capacity.setHost(pool, `h${each.host}`, hosts.get(`h${each.host}`) as HostCapacity)
            }
          }),
        )
        await checkNothingTwice(pool, hosts)
        // Of a leave and a join at once nobody knows which was last.
        const { hosts: there } = await client(0).capacity.free(pool)
        for (const name of hosts.keys()) {
          away.add(name)
          if (there.some(({ host }) => host === name)) away.delete(name)
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('strictly in order, a large job is never overtaken, so every job that fits an empty host is placed', async () => {
  const jobs = fc.array(fc.record({ size, priority: fc.nat(2) }), { minLength: 1, maxLength: 25 })
  // Which of those that run ends next, and how many end at once, is anybody's guess.
  const ends = fc.infiniteStream(fc.record({ which: fc.nat(1000), together: fc.integer({ min: 1, max: 3 }) }))
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 3 }), jobs, ends, async (boxes, jobs, ends) => {
      const pool = `order-${++rounds}`
      const hosts = new Map(boxes.map((each, i) => [`h${i}`, hostOf(`h${i}`, each)]))
      for (const [name, has] of hosts) await client(0).capacity.setHost(pool, name, has)
      const fits = jobs
        .map((job, arrival) => ({ ...job, attempt: `a-${arrival}` }))
        .filter(({ size }) => boxes.some((each) => each.cores >= size.cores && each.gpus >= size.gpus))
        .sort((a, b) => b.priority - a.priority) // stable: by arrival within
      const placed: string[] = []
      const running = new Set<string>()
      while (placed.length < fits.length) {
        // As `conductPool` does it: the first that finds no room keeps those behind it waiting, however small. Here
        // while others end, in any order, at the same time.
        const over = [...running]
        const next = ends.next().value
        const ending = over.length === 0 ? [] : over.splice((next?.which ?? 0) % over.length, next?.together ?? 1)
        const placing = (async () => {
          for (const { attempt, size } of fits.slice(placed.length)) {
            const answer = await client(0).capacity.reserve(pool, attempt, size)
            if (!answer.ok) return
            placed.push(attempt)
            running.add(attempt)
          }
        })()
        await Promise.all([placing, ...ending.map((attempt, i) => end(client(i + 1), pool, attempt))])
        for (const attempt of ending) running.delete(attempt)
        await checkNothingTwice(pool, hosts)
        if (ending.length === 0 && running.size === 0) throw new Error(`nothing runs, and ${fits.length} wait`)
      }
      expect(placed).toEqual(fits.map(({ attempt }) => attempt))
    }),
    { numRuns: 40 },
  )
})
