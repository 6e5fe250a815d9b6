import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { connectRedis, disconnect } from '../../../orchestrator/ledger/connect-redis.ts'
import { type TlsRedis, tlsRedis } from '../../support/tls-redis.ts'
import { someNamespace } from './redis.ts'

let redis: TlsRedis
beforeAll(async () => {
  redis = await tlsRedis()
})
afterAll(() => redis.end())
afterEach(() => vi.unstubAllEnvs())

const trust = (folder: string, names: Record<string, string> = { CA: 'ca.crt' }) => {
  for (const [name, file] of Object.entries(names)) vi.stubEnv(`ORCHESTRATE_REDIS_${name}`, join(folder, file))
}

test('a Redis that answers over TLS only is used by every connection, those of queues too', async () => {
  trust(redis.folder)
  const link = await connectRedis(redis.url, someNamespace())
  expect(link.warnings).toEqual([])
  expect(link.shown).not.toContain(redis.password)
  const connection = link.open('consumer')
  const queue = new Queue('q', { connection: link.redis, prefix: link.keys.queue })
  const heard = Promise.withResolvers<string>()
  const worker = new Worker('q', async (job) => heard.resolve(job.name), { connection, prefix: link.keys.queue })
  await queue.add('hello', {})
  expect(await heard.promise).toBe('hello')
  await worker.close()
  await queue.close()
  await disconnect(connection)
  await link.close()
})

test('who has not been told whom to trust is told what to set', async () => {
  await expect(connectRedis(redis.url, someNamespace())).rejects.toMatchObject({
    code: 'REDIS_UNTRUSTED',
    hint: expect.stringContaining('ORCHESTRATE_REDIS_CA'),
  })
})

test('a file that is not there is named', async () => {
  trust('/nowhere')
  await expect(connectRedis(redis.url, someNamespace())).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
    message: expect.stringContaining('ORCHESTRATE_REDIS_CA is /nowhere/ca.crt'),
  })
})

test('a wrong password is refused over TLS as elsewhere, and a server without TLS is not reached', async () => {
  trust(redis.folder)
  const wrong = redis.url.replace(redis.password, 'wrong')
  await expect(connectRedis(wrong, someNamespace())).rejects.toMatchObject({ code: 'REDIS_DENIED' })
  const plain = redis.url.replace('rediss:', 'redis:')
  await expect(connectRedis(plain, someNamespace())).rejects.toMatchObject({ code: 'REDIS_UNREACHABLE' })
})

test('a Redis that asks for a certificate of ours gets it', async () => {
  const strict = await tlsRedis('yes')
  trust(strict.folder, { CA: 'ca.crt', CERT: 'client.crt', KEY: 'client.key' })
  const link = await connectRedis(strict.url, someNamespace())
  expect(await link.redis.ping()).toBe('PONG')
  await link.close()
  vi.unstubAllEnvs()
  trust(strict.folder)
  await expect(connectRedis(strict.url, someNamespace())).rejects.toMatchObject({
    code: expect.stringMatching(/^REDIS_/),
  })
  await strict.end()
})
