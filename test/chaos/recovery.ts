import type { Strike } from './fault.ts'
import type { Victim } from './victim.ts'

/** When a later attempt of the victim's shard has done its first step; null when the victim came to its end all the same. */
export async function resumed({ world, signal }: Strike, { job, shard, fence }: Victim): Promise<number | null> {
  const line = await world.book.first(
    (one) =>
      one.job === job &&
      one.shard === shard &&
      ((one.kind === 'step' && one.fence > fence) || (one.kind === 'end' && one.fence === fence && one.rank === 0)),
    signal,
  )
  return line.kind === 'end' ? null : line.t
}

/** As `resumed`, for an attempt that has to be replaced even if its ranks came to their end: nobody was left to record it. */
export async function replaced({ world, signal }: Strike, { job, shard, fence }: Victim): Promise<number> {
  const later = (kind: string): boolean => kind === 'step' || kind === 'end' // nothing may be left to be done
  const line = await world.book.first(
    (one) => one.job === job && one.shard === shard && one.fence > fence && later(one.kind),
    signal,
  )
  return line.t
}

/** When any worker has done a step after this moment. */
export async function trainsOn({ world, signal }: Strike, from: number): Promise<number> {
  return (await world.book.first((line) => line.kind === 'step' && line.t > from, signal)).t
}

/** When a job that is submitted now, or as soon as somebody answers, has done its first step. */
export async function serves({ world, workload, signal }: Strike): Promise<number> {
  const job = await workload.submitCanary(signal)
  return (await world.book.first((line) => line.job === job && line.kind === 'step', signal)).t
}
