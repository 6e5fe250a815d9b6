import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Commands, type Timing } from '../../../orchestrator/queue/commands.ts'
import { someNamespace, type TestRedis, testRedis } from '../ledger/redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await testRedis()
})
afterAll(() => redis.end())

const short: Timing = { lock: 1000, stalledCheck: 500, retryFirst: 20, retryLongest: 100 }
const quiet = { warn: () => {} }

/** A control plane that died with `job/a` in hand, and the commands of its successor. */
async function afterDeath(timing: Timing): Promise<Commands> {
  const namespace = someNamespace()
  const commands = new Commands(await redis.link(namespace), quiet, timing)
  await commands.send('job/a')
  const worker = spawn(process.execPath, [join(import.meta.dirname, 'worker.ts'), redis.socket, namespace], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(worker.stdout, 'data')) as [Buffer]
  expect(line.toString()).toBe('job/a\n')
  worker.kill('SIGKILL')
  await once(worker, 'exit')
  return commands
}

test('a look that died with its process is taken over when its lock runs out, and what was asked since comes after', async () => {
  const commands = await afterDeath(short)
  await commands.send('job/a')
  const looks: string[] = []
  const twice = Promise.withResolvers<void>()
  await commands.work(async (aggregate) => {
    looks.push(aggregate)
    if (looks.length === 2) twice.resolve()
  })
  await twice.promise
  expect(looks).toEqual(['job/a', 'job/a'])
  await commands.close()
})

test('a successor that clears the queue and asks afresh need not wait for the lock', async () => {
  const hours = { ...short, lock: 3_600_000, stalledCheck: 3_600_000 }
  const commands = await afterDeath(hours)
  await commands.send('job/old', { delayMs: 10 })
  await commands.clear()
  const looks: string[] = []
  const looked = Promise.withResolvers<void>()
  await commands.work(async (aggregate) => {
    looks.push(aggregate)
    looked.resolve()
  })
  await commands.send('job/a')
  await looked.promise
  expect(looks).toEqual(['job/a'])
  await commands.close()
})
