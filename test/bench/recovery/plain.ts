import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Queue } from 'bullmq'
import { startRedis } from '../../../orchestrator/ledger/start-redis.ts'
import { now } from '../by-hand.ts'
import type { Lab } from '../lab.ts'

export type Plain = {
  /** A process with a worker for each of the queues; resolves when they listen. */
  worker: (...queues: string[]) => Promise<PlainWorker>
  add: (queue: string, ms: number) => Promise<void>
}

export type PlainWorker = {
  process: ChildProcess
  heard: (word: 'started' | 'stalled', queue: string) => Promise<number>
}

/** BullMQ with its defaults on a Redis of its own, set up as the control plane's. */
export async function plainBullmq(lab: Lab): Promise<Plain> {
  const redis = await startRedis(join(lab.folder, 'plain'))
  lab.atEnd(() => redis.stop())
  const connection = { path: redis.socket }
  return {
    worker: async (...queues) => {
      const program = join(import.meta.dirname, 'plain-worker.ts')
      const child = spawn(process.execPath, [program, redis.socket, ...queues], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      lab.atEnd(() => child.kill('SIGKILL'))
      const lines = createInterface({ input: child.stdout })
      const said = new Map<string, number>()
      const waiting = new Map<string, (at: number) => void>()
      const ready = once(lines, 'line')
      lines.on('line', (line) => {
        const [word, queue] = line.split(' ')
        const name = `${word} ${queue}`
        if (said.has(name)) return
        said.set(name, now())
        waiting.get(name)?.(now())
      })
      await ready
      return {
        process: child,
        heard: (word, queue) => {
          const at = said.get(`${word} ${queue}`)
          return at === undefined
            ? new Promise((resolve) => waiting.set(`${word} ${queue}`, resolve))
            : Promise.resolve(at)
        },
      }
    },
    add: async (name, ms) => {
      const queue = new Queue(name, { connection })
      await queue.add('job', { ms })
      await queue.close()
    },
  }
}
