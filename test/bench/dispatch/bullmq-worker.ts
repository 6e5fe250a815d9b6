import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { runTask, type Task } from '../by-hand.ts'

/* `bullmq-worker.ts SOCKET QUEUE CONCURRENCY` runs the tasks of a queue, and says `ready` when it listens. */
const [socket = '', queue = '', concurrency = ''] = process.argv.slice(2)
const connection = new Redis({ path: socket, maxRetriesPerRequest: null })
const worker = new Worker<Task>(queue, ({ data }) => runTask(data), { connection, concurrency: Number(concurrency) })
await worker.waitUntilReady()
console.log('ready')
