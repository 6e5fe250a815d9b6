import { closeSync, type FSWatcher, openSync, readSync, watch, writeFileSync } from 'node:fs'

/** What the workers of a world have done, in their own words. */
export type Line = {
  /** Unix milliseconds. */
  t: number
  job: string
  shard: number
  rank: number
  fence: number
  pid: number
  /** `start` (number: steps in all), `from` (text: state), `step`, `save`, `broken` (text: manifest), `end` (text: state). */
  kind: string
  number: number
  text: string
}

/** How far a shard has come, with the attempt that was started last. */
export type Reached = {
  job: string
  shard: number
  fence: number
  pids: Map<number, number>
  /** Where this attempt began, where it is, and where it ends. */
  from: number
  step: number
  of: number
}

/** Follows the book that all workers of a world write to. */
export class Book {
  readonly path: string
  readonly lines: Line[] = []
  /** By `<job>/<shard>`. */
  readonly #reached = new Map<string, Reached>()
  readonly #fd: number
  readonly #readers = new Set<() => void>()
  readonly #buffer = Buffer.allocUnsafe(1 << 16)
  #watcher: FSWatcher | null = null
  #rest = ''

  constructor(path: string) {
    this.path = path
    writeFileSync(path, '')
    this.#fd = openSync(path, 'r')
  }

  /** Reads what was written since the last time. */
  read(): Line[] {
    for (;;) {
      const size = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, null)
      if (size === 0) return this.lines
      const texts = (this.#rest + this.#buffer.toString('latin1', 0, size)).split('\n')
      this.#rest = texts.pop() ?? ''
      for (const line of texts.map(parse)) {
        this.lines.push(line)
        this.#take(line)
      }
    }
  }

  /** Every shard that was begun and not brought to its end. */
  underWay(): Reached[] {
    this.read()
    return [...this.#reached.values()]
  }

  #take({ job, shard, fence, rank, pid, kind, number }: Line): void {
    const name = `${job}/${shard}`
    const known = this.#reached.get(name)
    if (kind === 'end' && rank === 0) this.#reached.delete(name)
    if (kind === 'start' && (known === undefined || fence >= known.fence)) {
      const pids = known?.fence === fence ? known.pids : new Map<number, number>()
      this.#reached.set(name, { job, shard, fence, pids: pids.set(rank, pid), from: 0, step: 0, of: number })
    } else if (kind === 'from' && known?.fence === fence) known.from = known.step = number
    else if (kind === 'step' && known?.fence === fence) known.step = number
  }

  /** The first line as wanted, whether it is there or still to come. */
  async first(wanted: (line: Line) => boolean, signal: AbortSignal): Promise<Line> {
    let seen = 0
    for (;;) {
      const changed = this.#changed(signal)
      const lines = this.read()
      for (; seen < lines.length; seen++) {
        const line = lines[seen]
        if (line && wanted(line)) return line
      }
      await changed
    }
  }

  close(): void {
    this.#watcher?.close()
    closeSync(this.#fd)
  }

  #changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => {}) // nobody may be waiting any more
    const over = (): void => {
      this.#readers.delete(told)
      signal.removeEventListener('abort', aborted)
      if (this.#readers.size > 0) return
      this.#watcher?.close() // workers write often: nothing is told of it while nobody waits
      this.#watcher = null
    }
    const told = (): void => {
      over()
      resolve()
    }
    const aborted = (): void => {
      over()
      reject(signal.reason)
    }
    this.#readers.add(told)
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
    else
      this.#watcher ??= watch(this.path, () => {
        for (const reader of [...this.#readers]) reader()
      })
    return promise
  }
}

function parse(text: string): Line {
  const [t, job = '', shard, rank, fence, pid, kind = '', number, rest = ''] = text.split(' ')
  const line = { t: Number(t), job, shard: Number(shard), rank: Number(rank), fence: Number(fence), pid: Number(pid) }
  return { ...line, kind, number: Number(number), text: rest }
}
