import { createHash } from 'node:crypto'

/** What a worker of the chaos suite computes when nobody disturbs it; the same sums as in `worker/worker.py`. */
export type Training = {
  seed: string
  shard: number
  ranks: number
  steps: number
  /** Contents of the files that come before it, by name. */
  before: readonly string[]
}

/** Its state after each step; the first is the one that it begins with. */
export function truth({ seed, shard, ranks, steps, before }: Training): string[] {
  const states = [digest(seed, String(shard), ...before)]
  let mine = Array.from({ length: ranks }, (_, rank) => digest(seed, String(rank)))
  for (let step = 1; step <= steps; step++) {
    const last = states.at(-1) ?? ''
    mine = mine.map((one, rank) => digest(one, last, String(rank), String(step)))
    states.push(digest(...mine))
  }
  return states
}

function digest(...parts: string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part}\0`)
  return hash.digest('hex')
}
