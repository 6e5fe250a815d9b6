import { setTimeout as pause } from 'node:timers/promises'
import { now } from '../by-hand.ts'
import type { Plain } from './plain.ts'

/** Milliseconds from the signal until the job was found to have no worker, and until another has begun it again. */
export type Taken = { detected: number; again: number }

const LASTS_MS = 120_000

/** BullMQ's workers that are killed or frozen with a job in hand, each on a queue of its own, at moments spread evenly. */
export async function silence(plain: Plain, signal: 'SIGKILL' | 'SIGSTOP', count: number): Promise<Taken[]> {
  const queues = Array.from({ length: count }, (_, index) => `${signal}-${index}`)
  const first = await Promise.all(queues.map((queue) => plain.worker(queue)))
  for (const queue of queues) await plain.add(queue, LASTS_MS)
  await Promise.all(first.map((worker, index) => worker.heard('started', queues[index] ?? '')))
  const others = await plain.worker(...queues)
  return Promise.all(
    queues.map(async (queue, index) => {
      await pause((index * 30_000) / count) // searches for such jobs come every 30 s
      const from = now()
      first[index]?.process.kill(signal)
      const [detected, again] = await Promise.all([others.heard('stalled', queue), others.heard('started', queue)])
      return { detected: detected - from, again: again - from }
    }),
  )
}
