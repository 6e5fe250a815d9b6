import { Worker } from 'bullmq'
import { Redis } from 'ioredis'

/*
 * BullMQ as it comes, to be killed: `plain-worker.ts SOCKET QUEUE…` works off queues, with every setting at its default.
 * Says `ready`, then `started QUEUE ID` for each job that it is given, and `stalled QUEUE ID` for each that it finds
 * without its worker. A job ends after its `ms` milliseconds.
 */
const [socket = '', ...queues] = process.argv.slice(2)
const say = (...words: string[]): unknown => process.stdout.write(`${words.join(' ')}\n`)
const workers = queues.map((queue) => {
  const connection = new Redis({ path: socket, maxRetriesPerRequest: null })
  const work = async (job: { id?: string; data: { ms: number } }): Promise<void> => {
    say('started', queue, job.id ?? '')
    await new Promise((resolve) => setTimeout(resolve, job.data.ms))
  }
  const worker = new Worker(queue, work, { connection })
  worker.on('stalled', (id) => say('stalled', queue, id))
  return worker
})
await Promise.all(workers.map((worker) => worker.waitUntilReady()))
say('ready')
