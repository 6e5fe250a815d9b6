import { setTimeout as pause } from 'node:timers/promises'
import { type Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { disconnect, type RedisLink } from '../ledger/connect-redis.ts'
import { asRedisError } from '../ledger/redis-errors.ts'
import { limits } from '../limits.ts'
import { OneAtATime } from './one-at-a-time.ts'
import { wakeTime } from './wake-time.ts'

/** All that travels: which job or run to look at. What is to be done there is read from the ledger. */
type Message = { look: string }

/** Looks at an aggregate, `job/<key>` or `run/<id>`, and does what its state asks for. May be called more often than asked. */
export type Handler = (aggregate: string) => Promise<void>

/** The part of pino that is used. */
export type Log = { warn(details: object, message: string): void }

type Listening = { worker: Worker<Message>; redis: Redis }

export type WorkOptions = { concurrency?: number; askAgain?: () => Promise<void> }

export type Timing = { lock: number; stalledCheck: number; retryFirst: number; retryLongest: number }

/**
 * Requests to look at a job or a run, now or later. A request says nothing of why, so many for one aggregate thin out
 * to one; but one that comes while a handler is looking is not part of that look, so the handler looks once more
 * afterwards. Only the ledger is the truth: requests may be dropped as a whole (`clear`) by whoever looks at everything.
 */
export class Commands {
  readonly #link: RedisLink
  readonly #log: Log
  readonly #timing: Timing
  readonly #queue: Queue<Message>
  readonly #oneAtATime = new OneAtATime()
  readonly #failures = new Map<string, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #workers: Listening[] = []
  readonly #over = new AbortController()
  #replacing: Promise<void> = Promise.resolve()

  constructor(link: RedisLink, log: Log, timing: Timing = limits.queue) {
    this.#link = link
    this.#log = log
    this.#timing = timing
    this.#queue = new Queue<Message>('commands', {
      connection: link.redis,
      prefix: link.keys.queue,
      streams: { events: { maxLen: 100 } }, // nobody reads BullMQ's own events
      // What a handler can't do is told to the log and asked again, so a request as such only fails with Redis.
      defaultJobOptions: {
        removeOnComplete: true,
        removeOnFail: true,
        attempts: Number.MAX_SAFE_INTEGER,
        backoff: { type: 'fixed', delay: limits.queue.handOver },
      },
    })
    this.#queue.on('error', (error) => this.#log.warn({ err: error }, 'the command queue has trouble'))
  }

  /** Asks for a look at an aggregate: at once, or no earlier than `delayMs` from now. Throws REDIS_*. */
  async send(aggregate: string, { delayMs = 0 }: { delayMs?: number } = {}): Promise<void> {
    const { name, data, opts } = delayMs > 0 ? wake(aggregate, delayMs) : look(aggregate)
    await this.#ask(() => this.#queue.add(name, data, opts))
  }

  /** Asks for a look at each of many aggregates, in few round trips. */
  async sendAll(aggregates: string[]): Promise<void> {
    for (let i = 0; i < aggregates.length; i += 500) {
      await this.#ask(() => this.#queue.addBulk(aggregates.slice(i, i + 500).map(look)))
    }
  }

  /**
   * Forgets all that was asked for, also what a dead process had in hand. For the one control plane of a state directory
   * at its start, before it asks for a look at everything: else a look that died with its process would keep others
   * at the same aggregate waiting until its lock runs out.
   */
  async clear(): Promise<void> {
    await this.#ask(() => this.#queue.obliterate({ force: true }))
    await this.#ask(() => this.#queue.resume())
  }

  /**
   * Has requests handled, up to `concurrency` aggregates at a time and each by one handler at a time. A handler that
   * fails is called again later, after a pause that doubles. Where requests were dropped because Redis took no writes,
   * `askAgain` asks for all that there may be. Resolves when the worker listens.
   */
  async work(
    handler: Handler,
    { concurrency = limits.queue.atOnce, askAgain = async () => {} }: WorkOptions = {},
  ): Promise<void> {
    const redis = this.#link.open('orchestrate-commands')
    const worker = new Worker<Message>('commands', (job) => this.#handle(job, handler), {
      connection: redis,
      prefix: this.#link.keys.queue,
      concurrency,
      lockDuration: this.#timing.lock,
      stalledInterval: this.#timing.stalledCheck,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // a look whose process died is not to blame
      runRetryDelay: limits.redis.reconnectPause,
    })
    const own = { worker, redis }
    worker.on('error', (error) => {
      const place = this.#workers.indexOf(own)
      if (place < 0) return // it was replaced
      this.#log.warn({ err: error }, 'a command worker has trouble')
      if (asRedisError(error, this.#link.shown).code !== 'REDIS_UNWRITABLE') return
      this.#workers.splice(place, 1)
      this.#replacing = this.#replace(own, () => this.work(handler, { concurrency, askAgain }), askAgain)
    })
    this.#workers.push(own)
    await worker.waitUntilReady()
  }

  /**
   * BullMQ asks a Redis that refuses writes again without a pause, thousands of times a second; and what it has in hand
   * then, it can't put away, which would keep all later looks at the same aggregate waiting until its lock runs out.
   */
  async #replace(
    { worker, redis }: Listening,
    again: () => Promise<void>,
    askAgain: () => Promise<void>,
  ): Promise<void> {
    await worker.close(true).catch(() => {})
    await disconnect(redis)
    while (!this.#over.signal.aborted) {
      try {
        await pause(limits.redis.reconnectPause, undefined, { signal: this.#over.signal })
        await this.clear()
        await askAgain()
        return await again()
      } catch {} // not yet
    }
  }

  /**
   * Has aggregates looked at without asking the queue, for a control plane that looks at everything now and then: so
   * even a request that was lost costs no more than that while.
   */
  async sweep(aggregates: string[], handler: Handler): Promise<void> {
    for (const aggregate of aggregates) {
      await this.#oneAtATime
        .run(aggregate, () => handler(aggregate))
        .catch((error: unknown) => this.#log.warn({ err: error, aggregate }, 'a look failed and will be tried again'))
    }
  }

  /** Takes no more requests, waits for the handlers that run (at most `limits.queue.close`), and lets go of Redis. */
  async close(): Promise<void> {
    this.#over.abort()
    await this.#replacing
    await Promise.all(this.#workers.map(({ worker, redis }) => end(worker, redis, this.#running)))
    await this.#queue.close()
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      throw asRedisError(error, this.#link.shown)
    }
  }

  async #handle(job: Job<Message>, handler: Handler): Promise<void> {
    const aggregate = job.data.look
    // A wake-up turns into a look like any other, so that they thin out together and never run side by side.
    if (job.name === 'wake') return this.send(aggregate)
    // BullMQ gives a look to another worker when its lock ran out, and this process may be that worker too.
    const running = this.#oneAtATime.run(aggregate, () => handler(aggregate))
    this.#running.add(running)
    try {
      await running
      this.#failures.delete(aggregate)
    } catch (error) {
      const failures = (this.#failures.get(aggregate) ?? 0) + 1
      this.#failures.set(aggregate, failures)
      const delayMs = Math.min(this.#timing.retryLongest, this.#timing.retryFirst * 2 ** (failures - 1))
      this.#log.warn({ err: error, aggregate, failures, delayMs }, 'a look failed and will be tried again')
      await this.send(aggregate, { delayMs })
    } finally {
      this.#running.delete(running)
    }
  }
}

const keepLast = (id: string) => ({ deduplication: { id, keepLastIfActive: true } })
const look = (aggregate: string) => ({ name: 'look', data: { look: aggregate }, opts: keepLast(aggregate) })

function wake(aggregate: string, delayMs: number) {
  const now = Date.now()
  const due = wakeTime(now, delayMs)
  return {
    name: 'wake',
    data: { look: aggregate },
    opts: { ...keepLast(`${aggregate}@${due}`), timestamp: now, delay: due - now },
  }
}

async function end(worker: Worker, redis: Redis, handlers: Iterable<Promise<void>>): Promise<void> {
  // BullMQ's farewell needs Redis, and would wait for one that is away.
  const away = redis.status !== 'ready'
  const farewell = away ? Promise.allSettled(handlers) : worker.close()
  const over = new AbortController()
  await Promise.race([farewell, pause(limits.queue.close, undefined, { signal: over.signal }).catch(() => {})])
  over.abort()
  if (away) await worker.close(true)
  await disconnect(redis)
}
