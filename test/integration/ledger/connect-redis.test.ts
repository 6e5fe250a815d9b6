import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { ErrorCode } from '../../../orchestrator/errors.ts'
import { connectRedis, type RedisLink } from '../../../orchestrator/ledger/connect-redis.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { limits } from '../../../orchestrator/limits.ts'
import { shortFolder, someNamespace, type TestRedis, testRedis } from './redis.ts'

let redis: TestRedis
let admin: RedisLink
beforeAll(async () => {
  redis = await testRedis()
  admin = await redis.link()
})
afterAll(() => redis.end())
afterEach(async () => {
  await admin.redis.config('SET', 'maxmemory', '0')
  await admin.redis.config('SET', 'maxmemory-policy', 'noeviction')
  await admin.redis.config('SET', 'appendonly', 'yes')
  await admin.redis.replicaof('NO', 'ONE')
})

const code = (expected: ErrorCode) => expect.objectContaining({ code: expected })
const attempt = (address: string) => connectRedis(address, someNamespace()).then((link) => link.close())

test('a fit Redis is taken as it is', async () => {
  const link = await redis.link()
  expect(link.warnings).toEqual([])
  expect(link.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(await link.runId()).toMatch(/^[0-9a-f]{40}$/)
})

test('a Redis that may throw keys away is refused', async () => {
  await admin.redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  await expect(attempt(redis.socket)).rejects.toEqual(code('REDIS_EVICTS'))
})

test('a Redis without an append-only file is taken with a warning', async () => {
  await admin.redis.config('SET', 'appendonly', 'no')
  expect((await redis.link()).warnings).toEqual([expect.stringContaining('no append-only file')])
})

test('a Redis that is full is refused', async () => {
  await admin.redis.config('SET', 'maxmemory', '1')
  await expect(attempt(redis.socket)).rejects.toEqual(code('REDIS_UNWRITABLE'))
})

test('a replica is refused', async () => {
  await admin.redis.replicaof('127.0.0.1', '1')
  await expect(attempt(redis.socket)).rejects.toEqual(code('REDIS_UNWRITABLE'))
})

test('a wrong password is told apart from a Redis that is away, and is not shown', async () => {
  const own = await testRedis()
  const { redis } = await own.link()
  await redis.config('SET', 'requirepass', 'right')
  const { port, close } = await listenFor(own.socket)
  for (const login of ['', ':wrong@', 'nobody:wrong@']) {
    const refused = await attempt(`redis://${login}127.0.0.1:${port}`).catch((error: unknown) => error)
    expect(refused).toEqual(code('REDIS_DENIED'))
    expect(String(refused)).not.toContain('wrong@')
  }
  await expect(attempt(`redis://:right@127.0.0.1:${port}`)).resolves.toBeUndefined()
  await redis.config('SET', 'requirepass', '')
  close()
  await own.end()
})

/** A port in front of a socket: an address with a password is one of a port. */
async function listenFor(socket: string): Promise<{ port: number; close: () => void }> {
  const server = createServer((client) => {
    const redis = connect(socket)
    for (const each of [client, redis]) each.on('error', () => {})
    client.pipe(redis).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, close: () => server.close() }
}

test('where nobody listens, the coded error comes within the bound', async () => {
  const folder = await shortFolder()
  const started = Date.now()
  await expect(attempt('redis://127.0.0.1:1')).rejects.toEqual(code('REDIS_UNREACHABLE'))
  await expect(attempt(join(folder, 'no.sock'))).rejects.toEqual(code('REDIS_UNREACHABLE'))
  expect(Date.now() - started).toBeLessThan(8 * limits.redis.firstConnect)
  await rm(folder, { recursive: true })
})

test('where somebody listens and never answers, the coded error comes within the bound', async () => {
  const folder = await shortFolder()
  const server = createServer(() => {})
  const socket = join(folder, 'mute.sock')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  await expect(attempt(socket)).rejects.toEqual(code('REDIS_UNREACHABLE'))
  server.close()
  await rm(folder, { recursive: true })
})

test('a Redis that goes away fails a command with the coded error, and is used again when it is back', async () => {
  const own = await testRedis()
  const link = await own.link()
  const ledger = new Ledger(link)
  await ledger.append('job/a', 0, [{ at: 1 }])
  const before = await link.runId()
  await own.stop()
  await expect(ledger.read('job/a')).rejects.toEqual(code('REDIS_UNREACHABLE'))
  await own.again()
  await expect.poll(() => ledger.read('job/a').catch(() => null)).toEqual([{ at: 1 }])
  expect(await link.runId()).not.toBe(before)
  await own.end()
})

test.each(['localhost:6379', 'http://localhost', 'redis://', 'redis://host/x'])('%s is no address', async (address) => {
  await expect(attempt(address)).rejects.toEqual(code('REDIS_UNREACHABLE'))
})
