import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Capacity } from '../../../orchestrator/ledger/capacity.ts'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { lossyProxy } from './lossy-proxy.ts'
import { shortFolder, someNamespace, type TestRedis, testRedis } from './redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await testRedis()
})
afterAll(() => redis.end())

const event = (n: number, at = n) => ({ type: 'counted', n, at, text: 'ä "quoted"\nline' })

test('events come back as they were appended, whole or from a number on', async () => {
  const ledger = new Ledger(await redis.link())
  expect(await ledger.append('job/a', 0, [event(0), event(1)])).toEqual({ ok: true, version: 2 })
  expect(await ledger.append('job/a', 2, [event(2)])).toEqual({ ok: true, version: 3 })
  expect(await ledger.read('job/a')).toEqual([event(0), event(1), event(2)])
  expect(await ledger.read('job/a', 2)).toEqual([event(2)])
  expect(await ledger.read('job/a', 1, 1)).toEqual([event(1)])
  expect(await ledger.read('job/unknown')).toEqual([])
  expect(await ledger.version('job/a')).toBe(3)
})

test('who expects another version appends nothing and is told the present one', async () => {
  const ledger = new Ledger(await redis.link())
  await ledger.append('job/a', 0, [event(0)])
  expect(await ledger.append('job/a', 0, [event(9)])).toEqual({ ok: false, version: 1 })
  expect(await ledger.append('job/a', 5, [event(9)])).toEqual({ ok: false, version: 1 })
  expect(await ledger.read('job/a')).toEqual([event(0)])
})

test('of two who append the very same event, one wins', async () => {
  const ledger = new Ledger(await redis.link())
  const answers = await Promise.all([ledger.append('job/a', 0, [event(0)]), ledger.append('job/a', 0, [event(0)])])
  expect(answers.map((answer) => answer.ok).sort()).toEqual([false, true])
})

test('fifty racing appenders lose no event and double none', async () => {
  const namespace = someNamespace()
  const ledgers = await Promise.all(Array.from({ length: 5 }, async () => new Ledger(await redis.link(namespace))))
  const appendOnce = async (ledger: Ledger, n: number) => {
    let version = 0
    for (;;) {
      const answer = await ledger.append('job/a', version, [event(n)])
      if (answer.ok) return answer.version
      version = answer.version
    }
  }
  const versions = await Promise.all(Array.from({ length: 50 }, (_, n) => appendOnce(ledgers[n % 5] as Ledger, n)))
  expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1))
  const events = (await (ledgers[0] as Ledger).read('job/a')) as { n: number }[]
  expect(events.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n))
})

test('an append whose reply was lost has happened once, and says so', async () => {
  const folder = await shortFolder()
  const proxy = await lossyProxy(folder, redis.socket)
  const link = await connectRedis(proxy.socket, someNamespace())
  const ledger = new Ledger(link)
  await ledger.append('job/a', 0, [event(0)]) // the script is known from here on
  proxy.loseNextReply()
  expect(await ledger.append('job/a', 1, [event(1), event(2)])).toEqual({ ok: true, version: 3 })
  expect(proxy.lost()).toBe(1)
  expect(await ledger.read('job/a')).toEqual([event(0), event(1), event(2)])
  await link.close()
  await proxy.close()
  await rm(folder, { recursive: true })
})

test('aggregates are listed by kind, oldest first, whatever the order they were appended in', async () => {
  const ledger = new Ledger(await redis.link())
  await ledger.append('run/late', 0, [event(0, 2000)])
  await ledger.append('job/a', 0, [event(0, 1500)])
  await ledger.restore('run/early', [event(0, 1000)])
  await ledger.append('run/early', 1, [event(1, 3000)])
  expect(await ledger.aggregates('run')).toEqual(['run/early', 'run/late'])
  expect(await ledger.aggregates('job')).toEqual(['job/a'])
})

test('what the store lacks is known by aggregate until it is marked, however often it was appended to', async () => {
  const ledger = new Ledger(await redis.link())
  await ledger.append('job/a', 0, [event(0), event(1)])
  await ledger.append('job/a', 2, [event(2)])
  const pending = await ledger.unmirrored()
  expect(pending).toEqual([{ aggregate: 'job/a', from: 0, count: 3 }])
  await ledger.append('job/a', 3, [event(3)]) // while the store is being written
  await ledger.markMirrored(pending)
  expect(await ledger.unmirrored()).toEqual([{ aggregate: 'job/a', from: 3, count: 1 }])
  await ledger.markMirrored(pending) // a late second time takes nothing back
  expect(await ledger.unmirrored()).toEqual([{ aggregate: 'job/a', from: 3, count: 1 }])
  await ledger.markMirrored(await ledger.unmirrored())
  expect(await ledger.unmirrored()).toEqual([])
})

test('restoring fills what is empty, leaves what is there, and is not mirrored back', async () => {
  const ledger = new Ledger(await redis.link())
  expect(await ledger.restore('job/a', [event(0), event(1)])).toBe('restored')
  expect(await ledger.restore('job/a', [event(7)])).toBe('present')
  expect(await ledger.read('job/a')).toEqual([event(0), event(1)])
  expect(await ledger.unmirrored()).toEqual([])
})

test('a tail is put back where it belongs, and only there', async () => {
  const ledger = new Ledger(await redis.link())
  await ledger.restore('job/a', [event(0), event(1)])
  expect(await ledger.restore('job/a', [event(2), event(3)], 2)).toBe('restored')
  expect(await ledger.restore('job/a', [event(2)], 2)).toBe('present')
  expect(await ledger.restore('job/a', [event(9)], 9)).toBe('present')
  expect(await ledger.read('job/a')).toEqual([event(0), event(1), event(2), event(3)])
  expect(await ledger.versions(['job/a', 'job/b'])).toEqual(
    new Map([
      ['job/a', 4],
      ['job/b', 0],
    ]),
  )
  await ledger.forget('job/a')
  expect(await ledger.restore('job/a', [event(7)])).toBe('restored')
})

test('what was not mirrored when the server was saved is, once the store has put back what follows', async () => {
  const ledger = new Ledger(await redis.link())
  await ledger.append('job/a', 0, [event(0)])
  expect(await ledger.unmirrored()).toEqual([{ aggregate: 'job/a', from: 0, count: 1 }])
  expect(await ledger.restore('job/a', [event(1), event(2)], 1)).toBe('restored')
  expect(await ledger.unmirrored()).toEqual([])
  await ledger.append('job/a', 3, [event(3)])
  expect(await ledger.unmirrored()).toEqual([{ aggregate: 'job/a', from: 3, count: 1 }])
})

test('a server that was not compared takes no event and gives no reservation, and says so', async () => {
  const link = await redis.link()
  const [ledger, capacity] = [new Ledger(link), new Capacity(link)]
  await capacity.setHost('local', 'here', { cores: 2, gpus: [] })
  const { compared } = link
  link.compared = 'another one'
  await expect(ledger.append('job/a', 0, [event(0)])).rejects.toMatchObject({ code: 'REDIS_RESTARTED' })
  await expect(ledger.restore('job/a', [event(0)])).rejects.toMatchObject({ code: 'REDIS_RESTARTED' })
  await expect(capacity.reserve('local', 'a-1', { cores: 1, gpus: 0 })).rejects.toMatchObject({
    code: 'REDIS_RESTARTED',
  })
  link.compared = compared
  expect(await ledger.read('job/a')).toEqual([])
  expect(await capacity.reservations('local')).toEqual([])
  expect(await ledger.append('job/a', 0, [event(0)])).toEqual({ ok: true, version: 1 })
})

test('a reservation is put back as it was, down to the GPU', async () => {
  const capacity = new Capacity(await redis.link())
  await capacity.setHost('local', 'here', { cores: 4, gpus: ['GPU-0', 'GPU-1'] })
  const had = { attempt: 'a-1', host: 'here', cores: 2, gpus: ['GPU-1'] }
  expect([await capacity.restore('local', had), await capacity.restore('local', had)]).toEqual([true, false])
  expect(await capacity.reservations('local')).toEqual([had])
  expect(await capacity.reserve('local', 'a-2', { cores: 1, gpus: 1 })).toMatchObject({ ok: true, gpus: ['GPU-0'] })
})

test('the event that ends an attempt gives its reservation back; one that came too late gives nothing back', async () => {
  const link = await redis.link()
  const [ledger, capacity] = [new Ledger(link), new Capacity(link)]
  await capacity.setHost('local', 'here', { cores: 2, gpus: [] })
  await capacity.reserve('local', 'a-1', { cores: 2, gpus: 0 })
  await ledger.append('job/a', 0, [event(0)])
  const release = { pool: 'local', attempt: 'a-1' }
  expect(await ledger.append('job/a', 0, [event(1)], release)).toEqual({ ok: false, version: 1 })
  expect((await capacity.free('local')).cores).toBe(0)
  expect(await ledger.append('job/a', 1, [event(1)], release)).toEqual({ ok: true, version: 2 })
  expect((await capacity.free('local')).cores).toBe(2)
  expect(await capacity.reserve('local', 'a-1', { cores: 1, gpus: 0 })).toEqual({
    ok: false,
    why: 'attempt a-1 is over',
  })
})

test('a script that Redis has forgotten is sent again', async () => {
  const link = await redis.link()
  const ledger = new Ledger(link)
  await ledger.append('job/a', 0, [event(0)])
  await link.redis.script('FLUSH')
  expect(await ledger.append('job/a', 1, [event(1)])).toEqual({ ok: true, version: 2 })
})
