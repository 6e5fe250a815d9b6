import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Capacity, type HostCapacity, type Reservation } from '../../../orchestrator/ledger/capacity.ts'
import type { RedisLink } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { someNamespace, type TestRedis, testRedis } from './redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await testRedis()
})
afterAll(() => redis.end())

async function poolOf(hosts: Record<string, HostCapacity>): Promise<Capacity> {
  const capacity = new Capacity(await redis.link())
  for (const [host, each] of Object.entries(hosts)) await capacity.setHost('local', host, each)
  return capacity
}

test('an attempt gets cores and GPUs of one host, and the same ones when it asks again', async () => {
  const capacity = await poolOf({ box: { cores: 8, gpus: ['g0', 'g1', 'g2'] } })
  const first = await capacity.reserve('local', 'a-1', { cores: 2, gpus: 2 })
  expect(first).toEqual({ ok: true, attempt: 'a-1', host: 'box', cores: 2, gpus: ['g0', 'g1'] })
  expect(await capacity.reserve('local', 'a-1', { cores: 2, gpus: 2 })).toEqual(first)
  expect(await capacity.reservations('local')).toEqual([{ attempt: 'a-1', host: 'box', cores: 2, gpus: ['g0', 'g1'] }])
  expect(await capacity.free('local')).toMatchObject({ cores: 6, gpus: 1, hosts: [{ coresFree: 6, gpusFree: ['g2'] }] })
})

const refusals = [
  [
    'two cores where none is free',
    { box: { cores: 2, gpus: [] } },
    { cores: 2, gpus: 0 },
    { cores: 2, gpus: 0 },
    'needs 2 cores, 0 free',
  ],
  ['one core', { box: { cores: 1, gpus: [] } }, { cores: 1, gpus: 0 }, { cores: 1, gpus: 0 }, 'needs 1 core, 0 free'],
  ['a GPU', { box: { cores: 4, gpus: ['g'] } }, { cores: 0, gpus: 1 }, { cores: 0, gpus: 1 }, 'needs 1 GPU, 0 free'],
  [
    'both',
    { box: { cores: 4, gpus: ['g', 'h'] } },
    { cores: 1, gpus: 1 },
    { cores: 2, gpus: 2 },
    'needs 2 cores and 2 GPUs, 3 and 1 free',
  ],
  [
    'what two hosts have only together',
    { a: { cores: 4, gpus: [] }, b: { cores: 4, gpus: [] } },
    { cores: 3, gpus: 0 },
    { cores: 5, gpus: 0 },
    'needs 5 cores on one host, more than the pool has',
  ],
  [
    'what one of two hosts will have later',
    { a: { cores: 4, gpus: [] }, b: { cores: 2, gpus: [] } },
    { cores: 3, gpus: 0 },
    { cores: 4, gpus: 0 },
    'needs 4 cores on one host, at most 1 free',
  ],
  [
    'more than there is',
    { box: { cores: 2, gpus: [] } },
    { cores: 1, gpus: 0 },
    { cores: 8, gpus: 0 },
    'needs 8 cores, more than the pool has',
  ],
  ['anything of an empty pool', {}, null, { cores: 1, gpus: 0 }, 'needs 1 core, and the pool has no host'],
] as const

test.each(refusals)('who wants %s is told why not, and takes nothing', async (_name, hosts, taken, wanted, why) => {
  const capacity = await poolOf(hosts as unknown as Record<string, HostCapacity>)
  if (taken) expect((await capacity.reserve('local', 'a-1', taken)).ok).toBe(true)
  const before = await capacity.free('local')
  expect(await capacity.reserve('local', 'a-2', wanted)).toEqual({ ok: false, why })
  expect(await capacity.free('local')).toEqual(before)
})

test('small attempts go where least is left, so that a large one still finds a whole host', async () => {
  const capacity = await poolOf({
    large: { cores: 8, gpus: ['a', 'b', 'c', 'd'] },
    small: { cores: 8, gpus: ['e', 'f'] },
  })
  expect(await capacity.reserve('local', 'a-1', { cores: 1, gpus: 1 })).toMatchObject({ host: 'small' })
  expect(await capacity.reserve('local', 'a-2', { cores: 1, gpus: 1 })).toMatchObject({ host: 'small' })
  expect(await capacity.reserve('local', 'a-3', { cores: 1, gpus: 4 })).toMatchObject({ host: 'large' })
})

test('a host that changes its capacity keeps its reservations, and gives nothing new until there is room', async () => {
  const capacity = await poolOf({ box: { cores: 4, gpus: ['g', 'h'] } })
  await capacity.reserve('local', 'a-1', { cores: 3, gpus: 2 })
  await capacity.setHost('local', 'box', { cores: 2, gpus: ['h'] })
  expect(await capacity.reservations('local')).toEqual([{ attempt: 'a-1', host: 'box', cores: 3, gpus: ['g', 'h'] }])
  expect(await capacity.free('local')).toMatchObject({ cores: 0, gpus: 0 })
  expect(await capacity.reserve('local', 'a-2', { cores: 1, gpus: 0 })).toEqual({
    ok: false,
    why: 'needs 1 core, 0 free',
  })
  await capacity.setHost('local', 'box', { cores: 4, gpus: ['h'] })
  expect((await capacity.reserve('local', 'a-2', { cores: 1, gpus: 0 })).ok).toBe(true)
})

test('pools are apart, and a released attempt may reserve again', async () => {
  const capacity = await poolOf({ box: { cores: 1, gpus: [] } })
  await capacity.setHost('other', 'box', { cores: 1, gpus: [] })
  expect((await capacity.reserve('local', 'a-1', { cores: 1, gpus: 0 })).ok).toBe(true)
  expect((await capacity.reserve('other', 'a-2', { cores: 1, gpus: 0 })).ok).toBe(true)
  await capacity.release('local', 'a-1')
  expect((await capacity.reserve('local', 'a-1', { cores: 1, gpus: 0 })).ok).toBe(true)
})

const hosts: Record<string, HostCapacity> = {
  a: { cores: 3, gpus: ['a0', 'a1'] },
  b: { cores: 2, gpus: ['b0', 'b1', 'b2'] },
}
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      attempt: fc.nat(11),
      client: fc.nat(2),
      cores: fc.nat(3),
      gpus: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      attempt: fc.nat(11),
      client: fc.nat(2),
      version: fc.nat(4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('release' as const), attempt: fc.nat(11), client: fc.nat(2) }),
  },
)

test('whatever several clients do at once: never more than there is, whole or not at all, and nothing leaks', async () => {
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), async (batches) => {
      // Another pool and other attempts each round: three connections are enough for all of them.
      const pool = `p${++round}`
      const name = (attempt: number) => `a-${round}-${attempt}`
      for (const [host, each] of Object.entries(hosts)) await clients[0]?.capacity.setHost(pool, host, each)
      const ended = new Set<string>()
      for (const batch of batches) {
        const overBefore = new Set(ended)
        await Promise.all(
          batch.map(async (each) => {
            const { ledger, capacity } = clients[each.client] as (typeof clients)[number]
            const attempt = name(each.attempt)
            switch (each.kind) {
              case 'reserve': {
                const answer = await capacity.reserve(pool, attempt, each)
                if (answer.ok) expect(overBefore.has(attempt)).toBe(false)
                return
              }
              case 'release':
                return capacity.release(pool, attempt)
              case 'end': {
                const answer = await ledger.append(`job/${round}`, each.version, [{ at: 1 }], { pool, attempt })
                if (answer.ok) ended.add(attempt)
              }
            }
          }),
        )
        const reservations = (await clients[0]?.capacity.reservations(pool)) ?? []
        const tally = await tallyOf(pool)
        if (tally) expect(tally).toEqual(countedAnew(reservations))
        for (const [host, has] of Object.entries(hosts)) {
          const here = reservations.filter((reservation) => reservation.host === host)
          const gpus = here.flatMap((reservation) => reservation.gpus)
          expect(here.reduce((sum, reservation) => sum + reservation.cores, 0)).toBeLessThanOrEqual(has.cores)
          expect(new Set(gpus).size).toBe(gpus.length)
          expect(has.gpus).toEqual(expect.arrayContaining(gpus))
        }
        for (const { attempt, cores, gpus } of reservations) {
          expect(ended.has(attempt)).toBe(false)
          const asked = batches
            .flat()
            .some(
              (each) =>
                each.kind === 'reserve' &&
                name(each.attempt) === attempt &&
                each.cores === cores &&
                each.gpus === gpus.length,
            )
          expect(asked).toBe(true)
        }
      }
      for (const { attempt } of (await clients[0]?.capacity.reservations(pool)) ?? [])
        await clients[1]?.capacity.release(pool, attempt)
      expect(await clients[2]?.capacity.free(pool)).toMatchObject({ cores: 5, gpus: 5 })
    }),
    { numRuns: 60 },
  )
})

/** What Redis keeps of what the reservations come to, without what has come to nothing again; null: nothing is kept. */
async function tallyOf(pool: string): Promise<Record<string, number> | null> {
  const { link } = clients[0] as (typeof clients)[number]
  const kept = Object.entries(await link.redis.hgetall(link.keys.tally(pool)))
  const tally = kept.map(([field, count]) => [field, Number(count)]).filter(([, count]) => count !== 0)
  return kept.length === 0 ? null : Object.fromEntries(tally)
}

function countedAnew(reservations: Reservation[]): Record<string, number> {
  const counts: Record<string, number> = {}
  const count = (field: string, by: number): void => {
    if (by !== 0) counts[field] = (counts[field] ?? 0) + by
  }
  for (const { host, cores, gpus } of reservations) {
    count(`cores\n${host}`, cores)
    for (const id of gpus) count(`gpu\n${host}\n${id}`, 1)
    count('attempts', 1)
  }
  return counts
}

test('reservations that were changed by something else are counted anew', async () => {
  const link = await redis.link(someNamespace())
  const capacity = new Capacity(link)
  await capacity.setHost('local', 'box', { cores: 4, gpus: ['g'] })
  await capacity.reserve('local', 'a-1', { cores: 1, gpus: 1 })
  await link.redis.hset(link.keys.reservations('local'), 'a-2', JSON.stringify({ host: 'box', cores: 3, gpus: '' }))
  expect(await capacity.reserve('local', 'a-3', { cores: 1, gpus: 0 })).toEqual({
    ok: false,
    why: 'needs 1 core, 0 free',
  })
  await capacity.restore('local', { attempt: 'a-4', host: 'box', cores: 0, gpus: ['g'] }) // had twice, by a mistake
  await capacity.release('local', 'a-1')
  expect(await capacity.reserve('local', 'a-5', { cores: 1, gpus: 1 })).toMatchObject({ ok: false })
  expect(await capacity.reserve('local', 'a-5', { cores: 1, gpus: 0 })).toMatchObject({ ok: true })
})

let clients: { link: RedisLink; ledger: Ledger; capacity: Capacity }[] = []
beforeAll(async () => {
  const namespace = someNamespace()
  clients = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const link = await redis.link(namespace)
      return { link, ledger: new Ledger(link), capacity: new Capacity(link) }
    }),
  )
})
