import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Queue, QueueEvents } from 'bullmq'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { firstLineAt, now, type Task } from '../by-hand.ts'
import type { Prepare } from './way.ts'

const NAME = 'no-op'

/** BullMQ with its defaults on a Redis of its own; a worker in another process starts the tasks. */
export const bullmq: Prepare = async ({ lab, atOnce, tasks }) => {
  const { socket, stop } = await startRedis(join(lab.folder, 'bullmq'))
  lab.atEnd(stop)
  const worker = spawn(
    process.execPath,
    [join(import.meta.dirname, 'bullmq-worker.ts'), socket, NAME, String(atOnce)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  lab.atEnd(() => worker.kill('SIGKILL'))
  await Promise.race([once(worker.stdout, 'data'), once(worker, 'exit').then(() => Promise.reject(new Error('ended')))])
  const connection = { path: socket }
  const queue = new Queue<Task>(NAME, { connection })
  const events = new QueueEvents(NAME, { connection })
  lab.atEnd(() => Promise.all([queue.close(), events.close()]))
  await events.waitUntilReady()
  const run = async (all: Task[]): Promise<{ from: number; over: number }> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let left = all.length
    const completed = (): void => {
      left -= 1
      if (left === 0) resolve()
    }
    const failed = ({ failedReason }: { failedReason: string }): void => reject(new Error(failedReason))
    events.on('completed', completed).on('failed', failed)
    const from = now()
    await queue.addBulk(all.map((data) => ({ name: 'task', data })))
    await promise
    const over = now()
    events.off('completed', completed).off('failed', failed)
    return { from, over }
  }
  return [
    {
      name: 'BullMQ',
      jobs: 100,
      first: async () => {
        const all = await tasks(1)
        const { from } = await run(all)
        return (await firstLineAt(all[0]?.directory ?? '')) - from
      },
      many: async (count) => {
        const { from, over } = await run(await tasks(count))
        return over - from
      },
    },
  ]
}
