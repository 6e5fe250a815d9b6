import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Capacity } from '../../../orchestrator/ledger/capacity.ts'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { Commands, type Log, type Timing } from '../../../orchestrator/queue/commands.ts'
import { someNamespace, type TestRedis, testRedis } from '../ledger/redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await testRedis()
})
const opened: Commands[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((commands) => commands.close()))
})
afterAll(() => redis.end())

const timing: Timing = { lock: 1000, stalledCheck: 500, retryFirst: 20, retryLongest: 100 }
const quiet: Log = { warn: () => {} }

async function commandsOf(namespace = someNamespace(), log: Log = quiet): Promise<Commands> {
  const commands = new Commands(await redis.link(namespace), log, timing)
  opened.push(commands)
  return commands
}

/** A promise, and the way to fulfil it. */
function gate(): { open: () => void; opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, opened: promise }
}

/** Counts looks, and resolves `reached(n)` with the n-th. */
function counter() {
  const looks: string[] = []
  const waiting: { n: number; resolve: () => void }[] = []
  return {
    looks,
    count(aggregate: string) {
      looks.push(aggregate)
      for (const each of waiting) if (looks.length >= each.n) each.resolve()
    },
    reached: (n: number) =>
      looks.length >= n ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ n, resolve })),
  }
}

test('what is asked for is looked at, also what was asked before anybody listened', async () => {
  const commands = await commandsOf()
  const { looks, count, reached } = counter()
  await commands.send('job/early')
  await commands.work(async (aggregate) => count(aggregate))
  await commands.sendAll(['job/a', 'run/b', 'job/c'])
  await reached(4)
  expect(looks.sort()).toEqual(['job/a', 'job/c', 'job/early', 'run/b'])
})

test('a look asked for while a handler looks is not lost: it looks once more, with all that was asked meanwhile', async () => {
  const commands = await commandsOf()
  const { looks, count, reached } = counter()
  const [started, finish] = [gate(), gate()]
  await commands.work(async (aggregate) => {
    count(aggregate)
    started.open()
    await finish.opened
  })
  await commands.send('job/a')
  await started.opened
  for (let i = 0; i < 20; i++) await commands.send('job/a')
  expect(looks).toHaveLength(1)
  finish.open()
  await reached(2)
  await commands.send('job/b')
  await reached(3) // had the twenty not thinned out to one, more of them would have come before this
  expect(looks).toEqual(['job/a', 'job/a', 'job/b'])
})

test('every state is seen: however changes and looks fall together, the last look comes after the last change', async () => {
  const commands = await commandsOf()
  const state = new Map<string, number>()
  const seen = new Map<string, number>()
  const names = ['job/a', 'job/b', 'job/c']
  const done = gate()
  await commands.work(async (aggregate) => {
    const now = state.get(aggregate) ?? 0
    await new Promise((resolve) => setImmediate(resolve))
    seen.set(aggregate, now)
    if (names.every((name) => seen.get(name) === 150)) done.open()
  })
  await Promise.all(
    names.map(async (name) => {
      for (let i = 1; i <= 150; i++) {
        state.set(name, i)
        await commands.send(name)
      }
    }),
  )
  await done.opened
})

test('one aggregate is looked at by one handler at a time, others at the same time', async () => {
  const commands = await commandsOf()
  const busy = new Set<string>()
  const { count, reached } = counter()
  let overlaps = 0
  const together = gate()
  await commands.work(
    async (aggregate) => {
      if (busy.has(aggregate)) overlaps += 1
      busy.add(aggregate)
      if (busy.size > 1) together.open()
      await together.opened // the first waits for another one
      await new Promise((resolve) => setTimeout(resolve, 5))
      busy.delete(aggregate)
      count(aggregate)
    },
    { concurrency: 4 },
  )
  for (let round = 0; round < 5; round++) {
    await commands.sendAll(['job/a', 'job/b', 'job/c'])
    await commands.send('job/a', { delayMs: 1 })
    await reached((round + 1) * 3)
  }
  expect(overlaps).toBe(0)
})

test('a delayed look comes no earlier than asked for', async () => {
  const commands = await commandsOf()
  const looked = Promise.withResolvers<number>()
  await commands.work(async () => looked.resolve(Date.now()))
  const asked = Date.now()
  await commands.send('job/a', { delayMs: 300 })
  expect(await looked.promise).toBeGreaterThanOrEqual(asked + 300)
})

test('a look that is wanted now does not wait for one that was wanted later', async () => {
  const commands = await commandsOf()
  const { count, reached } = counter()
  await commands.work(async (aggregate) => count(aggregate))
  await commands.send('job/a', { delayMs: 3_600_000 })
  await commands.send('job/a')
  await reached(1)
})

test('wake-ups for about the same time are one', async () => {
  const link = await redis.link()
  const commands = new Commands(link, quiet, timing)
  opened.push(commands)
  for (let i = 0; i < 200; i++) await commands.send('job/a', { delayMs: 600_000 })
  expect(await link.redis.zcard(`${link.keys.queue}:commands:delayed`)).toBeLessThanOrEqual(2)
})

test('a handler that fails is called again after a pause, the failure is told, and others go on', async () => {
  const warnings: { details: object; message: string }[] = []
  const commands = await commandsOf(undefined, { warn: (details, message) => warnings.push({ details, message }) })
  const { looks, count, reached } = counter()
  await commands.work(async (aggregate) => {
    count(aggregate)
    if (aggregate === 'job/bad' && looks.filter((each) => each === 'job/bad').length < 4) throw new Error('no luck')
  })
  await commands.sendAll(['job/bad', 'job/good'])
  await reached(5)
  expect(looks.filter((each) => each === 'job/bad')).toHaveLength(4)
  expect(warnings.map(({ details }) => details)).toMatchObject([
    { aggregate: 'job/bad', failures: 1, delayMs: 20 },
    { aggregate: 'job/bad', failures: 2, delayMs: 40 },
    { aggregate: 'job/bad', failures: 3, delayMs: 80 },
  ])
})

test('nothing is left in Redis of what was done', async () => {
  const link = await redis.link()
  const commands = new Commands(link, quiet, timing)
  opened.push(commands)
  const { count, reached } = counter()
  await commands.work(async (aggregate) => count(aggregate))
  await commands.sendAll(Array.from({ length: 300 }, (_, i) => `job/${i}`))
  await commands.send('job/later', { delayMs: 20 })
  await reached(301)
  await commands.close() // finishes what is in hand
  const left = await link.redis.keys(`${link.keys.queue}*`)
  const names = left.map((key) => key.slice(`${link.keys.queue}:commands:`.length)).sort()
  expect(names.filter((name) => !['events', 'id', 'marker', 'meta', 'stalled-check'].includes(name))).toEqual([])
})

test('one control plane holds three connections, of which one blocks', async () => {
  const own = await testRedis()
  const link = await own.link()
  const commands = new Commands(link, quiet, timing)
  await commands.work(async () => {})
  const clients = async () =>
    String(await link.redis.client('LIST'))
      .trim()
      .split('\n')
  await expect.poll(clients).toHaveLength(3)
  await commands.close()
  await expect.poll(clients).toHaveLength(1)
  await own.end()
})

test('closing waits for the handler that runs, and for no Redis that is away', async () => {
  const own = await testRedis()
  const link = await own.link()
  const commands = new Commands(link, quiet, timing)
  const [started, finish] = [gate(), gate()]
  let finished = false
  await commands.work(async () => {
    started.open()
    await finish.opened
    finished = true
  })
  await commands.send('job/a')
  await started.opened
  const closing = commands.close()
  finish.open()
  await closing
  expect(finished).toBe(true)

  const other = new Commands(link, quiet, timing)
  await other.work(async () => {})
  await own.stop()
  await other.close()
  await own.end()
})

test('commands survive a restart of Redis', async () => {
  const own = await testRedis()
  const link = await own.link()
  const commands = new Commands(link, quiet, timing)
  const { count, reached } = counter()
  await commands.work(async (aggregate) => count(aggregate))
  await commands.send('job/before')
  await reached(1)
  await own.stop()
  await own.again()
  await expect
    .poll(() =>
      commands.send('job/after').then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
  await reached(2)
  await commands.close()
  await own.end()
})

test('a Redis that takes no writes is not asked in a loop, and all is looked at as soon as it takes them again', async () => {
  const own = await testRedis()
  const link = await own.link()
  const warnings: string[] = []
  const commands = new Commands(link, { warn: (_, message) => warnings.push(message) }, timing)
  const { count, reached } = counter()
  const finish = gate()
  await commands.work(
    async (aggregate) => {
      count(aggregate)
      await finish.opened
    },
    { askAgain: () => commands.sendAll(['job/a', 'job/b']) },
  )
  await commands.sendAll(['job/a', 'job/b', 'job/c'])
  await reached(3) // what waits for its turn would be dropped, and this test asks again for two only
  await link.redis.config('SET', 'maxmemory', '1')
  finish.open() // what is in hand can't be put away now
  await expect(commands.send('job/d')).rejects.toEqual(expect.objectContaining({ code: 'REDIS_UNWRITABLE' }))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(warnings.length).toBeLessThan(50)
  await link.redis.config('SET', 'maxmemory', '0')
  await reached(5)
  await commands.close()
  await own.end()
})

test('every key carries the namespace in braces, so that a cluster keeps them in one slot', async () => {
  const own = await testRedis()
  const link = await own.link('braced')
  const commands = new Commands(link, quiet, timing)
  await commands.send('job/a')
  await commands.send('job/a', { delayMs: 60_000 })
  await new Capacity(link).setHost('local', 'here', { cores: 1, gpus: [] })
  await new Capacity(link).reserve('local', 'a-1', { cores: 1, gpus: 0 })
  await new Ledger(link).append('job/a', 0, [{ at: 1 }], { pool: 'local', attempt: 'a-1' })
  const keys = await link.redis.keys('*')
  expect(keys.length).toBeGreaterThan(8)
  expect(keys.filter((key) => !key.startsWith('orchestrate:{braced}'))).toEqual([])
  await commands.close()
  await own.end()
})

test('two control planes on one Redis do not hear each other', async () => {
  const [here, there] = [await commandsOf(), await commandsOf()]
  const [a, b] = [counter(), counter()]
  await here.work(async (aggregate) => a.count(aggregate))
  await there.work(async (aggregate) => b.count(aggregate))
  await here.send('job/a')
  await there.send('job/b')
  await Promise.all([a.reached(1), b.reached(1)])
  expect([a.looks, b.looks]).toEqual([['job/a'], ['job/b']])
})

test('a send to a Redis that is away fails instead of hanging', async () => {
  const own = await testRedis()
  const link = await connectRedis(own.socket, someNamespace())
  const commands = new Commands(link, quiet, timing)
  await commands.send('job/a')
  await own.stop()
  await expect(commands.send('job/b')).rejects.toEqual(expect.objectContaining({ code: 'REDIS_UNREACHABLE' }))
  await link.close()
  await own.end()
})
