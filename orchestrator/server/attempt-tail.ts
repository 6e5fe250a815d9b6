import { type FSWatcher, watch } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '../limits.ts'
import { emptyLog, MAX_LINE, takeEngineLine, takeLine } from './attempt-log.ts'
import type { AttemptPlace } from './pools/place-of.ts'

/** Ranks write `events.<rank>.jsonl`, the engine `events.engine.jsonl`. */
const EVENTS = /^events\.(\d+|engine)\.jsonl$/

/** Follows the events of an attempt directory from wherever it is. */
export class AttemptTail {
  readonly log = emptyLog()
  readonly #directory: string
  readonly #writes: AttemptPlace['writes']
  readonly #redact: (line: string) => string
  readonly #changed: () => void
  readonly #files = new Map<string, { rank: number | null; offset: number; rest: string; skipping: boolean }>()
  #watcher: FSWatcher | null = null
  #poll: NodeJS.Timeout | null = null
  #reading: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor({ directory, writes }: AttemptPlace, redact: (line: string) => string, changed: () => void = () => {}) {
    this.#directory = directory
    this.#writes = writes
    this.#redact = redact
    this.#changed = changed
  }

  start(): void {
    if (this.#watcher || this.#poll) return
    if (this.#writes === 'polled') {
      this.#poll = setInterval(() => this.#schedule(), limits.engines.tail).unref()
      return this.#schedule()
    }
    try {
      this.#watcher = watch(this.#directory, () => this.#schedule())
      this.#watcher.on('error', () => this.stop())
    } catch {
      return // not there yet, or gone: `read` says what there is
    }
    this.#schedule()
  }

  stop(): void {
    this.#watcher?.close()
    this.#watcher = null
    if (this.#poll) clearInterval(this.#poll)
    this.#poll = null
  }

  /** Reads what has been appended since the last time. */
  read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readAll())
    return this.#reading
  }

  // A busy worker writes many lines a second; they are read a few times a second.
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setTimeout(() => {
      this.#scheduled = false
      void this.read().then(this.#changed)
    }, 100).unref()
  }

  async #readAll(): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    for (const name of names) {
      const writer = EVENTS.exec(name)?.[1]
      if (writer !== undefined) await this.#readFile(name, writer === 'engine' ? null : Number(writer))
    }
  }

  async #readFile(name: string, rank: number | null): Promise<void> {
    const file = this.#files.get(name) ?? { rank, offset: 0, rest: '', skipping: false }
    this.#files.set(name, file)
    const handle = await open(join(this.#directory, name)).catch(() => null)
    if (!handle) return
    try {
      // Most writes are short, and there are many: room for a long one only where there is one.
      for (let size = 1 << 12; ; size = 1 << 16) {
        const buffer = Buffer.allocUnsafe(size)
        const { bytesRead } = await handle.read(buffer, 0, size, file.offset)
        file.offset += bytesRead
        // latin1 keeps a character that is cut between two reads whole; it is decoded once its line is complete
        const lines = (file.rest + buffer.toString('latin1', 0, bytesRead)).split('\n')
        file.rest = lines.pop() ?? ''
        for (const line of lines) this.#take(file, line)
        if (file.rest.length > MAX_LINE) {
          if (!file.skipping) this.log.garbage += 1
          file.skipping = true
          file.rest = ''
        }
        if (bytesRead < size) return // its end; what is written from now on is told anew
      }
    } finally {
      await handle.close()
    }
  }

  #take(file: { rank: number | null; skipping: boolean }, line: string): void {
    if (file.skipping) {
      file.skipping = false
      return
    }
    if (!line.trim()) return
    const text = this.#redact(Buffer.from(line, 'latin1').toString('utf8'))
    if (file.rank === null) takeEngineLine(this.log, text)
    else takeLine(this.log, file.rank, text)
  }
}
