import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { findRedisServer } from '../../../orchestrator/ledger/find-redis-server.ts'
import { freePort, makeCertificates } from '../../support/tls-redis.ts'

const compose = resolve(import.meta.dirname, '../../../infra/compose')
const { services } = parse(readFileSync(join(compose, 'compose.yaml'), 'utf8')) as {
  services: { redis: { command: [string, string, string] } }
}

/** The Redis of the compose file, by its own command line, with this machine's program and folders for its own. */
async function composedRedis(conf: string) {
  const folder = mkdtempSync(join(tmpdir(), 'composed-'))
  const { binary } = await findRedisServer()
  const port = await freePort()
  mkdirSync(join(folder, 'data'))
  mkdirSync(join(folder, 'tls'))
  makeCertificates(join(folder, 'tls'), ['server'])
  const here = (text: string) => text.replaceAll('/data', join(folder, 'data')).replaceAll('/tls/', `${folder}/tls/`)
  const settings = here(readFileSync(join(compose, conf), 'utf8'))
  const plain = settings.includes('tls-port')
    ? settings.replace('tls-port 6379', `tls-port ${port}`)
    : `${settings}port ${port}\n`
  writeFileSync(join(folder, 'redis.conf'), plain.replace('bind 0.0.0.0', 'bind 127.0.0.1'))
  const [shell, option, line] = services.redis.command
  const command = line
    .replaceAll('$$', '$')
    .replace('/etc/redis/redis.conf', join(folder, 'redis.conf'))
    .replace('exec redis-server', `exec ${binary}`)
  const env = { PATH: process.env.PATH ?? '', REDIS_PASSWORD: 'pass-7f3a' }
  const server = spawn(shell, [option, command], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    const gone = once(server, 'exit')
    server.kill()
    await gone
    rmSync(folder, { recursive: true })
  })
  for await (const said of createInterface({ input: server.stdout }))
    if (/ready to accept connections/i.test(said)) break
  server.stdout.resume()
  return { server, port, folder }
}

test('the Redis of compose.yaml is one that the control plane takes without a warning, and its password is in nobody’s sight', async () => {
  const { server, port } = await composedRedis('redis.conf')
  const link = await connectRedis(`redis://:pass-7f3a@127.0.0.1:${port}`, 'test')
  onTestFinished(() => link.close())
  expect(link.warnings).toEqual([])
  expect(await link.redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec'])
  await expect(connectRedis(`redis://127.0.0.1:${port}`, 'test')).rejects.toThrow()
  expect(readFileSync(`/proc/${server.pid}/cmdline`, 'utf8')).not.toContain('pass-7f3a')
})

test('that of compose.lan.yaml answers over TLS alone', async () => {
  const { port, folder } = await composedRedis('redis.lan.conf')
  process.env.ORCHESTRATE_REDIS_CA = join(folder, 'tls/ca.crt')
  onTestFinished(() => {
    delete process.env.ORCHESTRATE_REDIS_CA
  })
  const link = await connectRedis(`rediss://:pass-7f3a@127.0.0.1:${port}`, 'test')
  onTestFinished(() => link.close())
  expect(link.warnings).toEqual([])
  await expect(connectRedis(`redis://:pass-7f3a@127.0.0.1:${port}`, 'test')).rejects.toThrow()
})
