import { type Job, Queue, Worker } from 'bullmq'
import { disconnect, type RedisLink } from '../ledger/connect-redis.ts'
import { asRedisError } from '../ledger/redis-errors.ts'
import { limits } from '../limits.ts'
import type { Log } from './commands.ts'

const prefixOf = (link: RedisLink): string => `${link.keys.prefix}:agents`
const nameOf = (pool: string, host: string): string => `${pool}/${host}`

/** Sends messages to the hosts of a pool. Each arrives at least once, also at an agent that starts later. */
export class HostQueues<Message extends object> {
  readonly #link: RedisLink
  readonly #pool: string
  readonly #log: Log
  readonly #queues = new Map<string, Queue>()

  constructor(link: RedisLink, pool: string, log: Log) {
    this.#link = link
    this.#pool = pool
    this.#log = log
  }

  /** With an `id`, a message that is still under way isn't sent again. Throws REDIS_*. */
  async send(host: string, message: Message, id?: string): Promise<void> {
    try {
      await this.#queue(host).add('message', message, id === undefined ? {} : { jobId: id })
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }

  #queue(host: string): Queue {
    const known = this.#queues.get(host)
    if (known) return known
    const queue = new Queue(nameOf(this.#pool, host), {
      connection: this.#link.redis,
      prefix: prefixOf(this.#link),
      streams: { events: { maxLen: 100 } },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    })
    queue.on('error', (error) => this.#log.warn({ err: error, host }, 'the queue of a host has trouble'))
    this.#queues.set(host, queue)
    return queue
  }
}

/**
 * Has the messages to a host handled, many at a time. One whose process dies before its handler has returned comes again,
 * so handlers must bear that; one that throws has failed for good.
 */
export async function takeMessages(
  link: RedisLink,
  { pool, host }: { pool: string; host: string },
  handler: (message: unknown) => Promise<void>,
  log: Log,
): Promise<{ close: () => Promise<void> }> {
  const redis = link.open('orchestrate-agent')
  const worker = new Worker(nameOf(pool, host), (job: Job) => handler(job.data), {
    connection: redis,
    prefix: prefixOf(link),
    concurrency: limits.agents.messagesAtOnce,
    lockDuration: limits.queue.lock,
    stalledInterval: limits.queue.stalledCheck,
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    runRetryDelay: limits.redis.reconnectPause,
  })
  worker.on('error', (error) => log.warn({ err: error }, 'taking messages has trouble'))
  await worker.waitUntilReady()
  return {
    close: async () => {
      await worker.close(true) // what it has in hand comes again, to the next agent
      await disconnect(redis)
    },
  }
}
