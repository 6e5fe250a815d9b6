import { isWanted, type Job, priorityOf } from '../run/job.ts'

/** Where a job stands among those that wait for a place. */
export type Turn = {
  key: string
  priority: number
  readyAt: number
  definedAt: number
  /** Its number among all jobs that were ever defined. */
  number: number
}

/** By priority, then by arrival; between jobs that came together, in the order of their definitions. */
const compare = (a: Turn, b: Turn): number =>
  b.priority - a.priority || a.readyAt - b.readyAt || a.definedAt - b.definedAt || a.number - b.number

/**
 * Jobs that have a shard which waits for a place, in the order of their turns. Kept in order as they change: finding who is
 * next, or how many are before one, takes no longer because thousands wait.
 */
export class LineUp {
  readonly #turns = new Map<string, Turn>()
  readonly #order: Turn[] = []

  /** Tells of a job as it is now, and of its number. */
  take(job: Job, number: number): void {
    const before = this.#turns.get(job.key)
    const after = turnOf(job, number)
    if (before && after && compare(before, after) === 0) return
    if (before) this.#order.splice(this.#before(before), 1)
    if (after) this.#order.splice(this.#before(after), 0, after)
    if (after) this.#turns.set(job.key, after)
    else this.#turns.delete(job.key)
  }

  turn(key: string): Turn | undefined {
    return this.#turns.get(key)
  }

  /** Whose turn is next after one, which need not wait here, or no longer; null: the first. */
  after(turn: Turn | null): Turn | undefined {
    if (turn === null) return this.#order[0]
    const place = this.#before(turn)
    const there = this.#order[place]
    return there && compare(there, turn) === 0 ? this.#order[place + 1] : there
  }

  /** How many wait here whose turn is at `from` or later, and before `to`. */
  between(from: Turn, to: Turn): number {
    return Math.max(0, this.#before(to) - this.#before(from))
  }

  /** Number of those whose turn is earlier. */
  #before(turn: Turn): number {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const there = this.#order[middle]
      if (there && compare(there, turn) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The next in several lines that wait for the same. */
export function nextOf(lines: readonly LineUp[], after: Turn | null): Turn | undefined {
  return lines.flatMap((line) => line.after(after) ?? []).sort(compare)[0]
}

function turnOf(job: Job, number: number): Turn | null {
  const waits = job.phase === 'open' && isWanted(job) && job.shards.some((shard) => shard.state === 'idle')
  if (!waits) return null
  const { key, readyAt, definedAt } = job
  return { key, priority: priorityOf(job), readyAt: readyAt ?? 0, definedAt, number }
}
