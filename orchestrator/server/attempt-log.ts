import { type FSWatcher, watch } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type MetricValue, WorkerEvent } from '../protocol/worker-event.ts'
import { noPulse, type Pulse, takeSign } from '../run/pulse.ts'

const PROTOCOL = 1
const MAX_LINE = 1 << 20
const MAX_POINTS = 2000
/** Names of metrics or artifacts, and commits told: what is more is a worker gone wild, and counts as garbage. */
const MAX_NAMES = 500
const MAX_SAVED = 100_000

export type Series = { name: string; points: [step: number, value: number][] }
export type Sample = { name: string; path: string; caption: string | null; step: number | null }
export type Saved = { step: number; manifest: string; bytes: number; stallMs: number; at: number }

/** What the ranks of one attempt have said so far. */
export type AttemptLog = {
  hello: { versions: Record<string, string>; device: string; world: number } | null
  progress: { step: number; of: number; unit: string; at: number } | null
  /** When the first progress was reported: training began. */
  firstProgressAt: number | null
  firstStep: number
  /** Recent (time, step) pairs, for the rate. */
  recent: { at: number; step: number }[]
  series: Map<string, Series>
  samples: Sample[]
  saved: Saved[]
  artifacts: Map<string, string | null>
  warnings: string[]
  done: { metrics: Record<string, MetricValue>; summary: string | null } | null
  failed: { code: string; message: string; hint: string | null; rank: number; at: number } | null
  /** Signs of life of all ranks. */
  pulse: Pulse
  /** Lines that were not understood: too long, not JSON, or of no known shape. */
  garbage: number
}

export const emptyLog = (): AttemptLog => ({
  hello: null,
  progress: null,
  firstProgressAt: null,
  firstStep: 0,
  recent: [],
  series: new Map(),
  samples: [],
  saved: [],
  artifacts: new Map(),
  warnings: [],
  done: null,
  failed: null,
  pulse: noPulse(),
  garbage: 0,
})

/** Takes one line of a rank into the log. A worker can write anything: what isn't an event is counted, not believed. */
export function takeLine(log: AttemptLog, rank: number, line: string): void {
  const event = parseLine(line)
  if (!event) {
    log.garbage += 1
    return
  }
  takeSign(log.pulse, rank, event)
  switch (event.type) {
    case 'hello':
      if (event.protocol !== undefined && event.protocol !== PROTOCOL)
        log.failed ??= {
          code: 'PROTOCOL_UNKNOWN',
          message: `the worker speaks version ${event.protocol} of the event protocol, this control plane version ${PROTOCOL}`,
          hint: 'use a worker and a control plane of the same release',
          rank,
          at: event.t,
        }
      if (rank === 0) log.hello = { versions: event.versions, device: event.device, world: event.world }
      return
    case 'progress':
      if (rank !== 0) return
      if (log.firstProgressAt === null) {
        log.firstProgressAt = event.t
        log.firstStep = event.step
      }
      log.progress = { step: event.step, of: event.of, unit: event.unit, at: event.t }
      log.recent.push({ at: event.t, step: event.step })
      if (log.recent.length > 20) log.recent.shift()
      return
    case 'busy':
      return
    case 'metric': {
      if (rank !== 0) return
      const series = log.series.get(event.name) ?? { name: event.name, points: [] }
      if (log.series.size >= MAX_NAMES && !log.series.has(event.name)) {
        log.garbage += 1
        return
      }
      series.points.push([event.step ?? log.progress?.step ?? series.points.length, event.value])
      if (series.points.length > MAX_POINTS) series.points = series.points.filter((_, i) => i % 2 === 0)
      log.series.set(event.name, series)
      return
    }
    case 'sample':
      if (log.samples.length < 1000)
        log.samples.push({
          name: event.name,
          path: event.path,
          caption: event.caption ?? null,
          step: event.step ?? null,
        })
      return
    case 'checkpoint':
      if (log.saved.length >= MAX_SAVED) log.saved.shift()
      log.saved.push({
        step: event.step,
        manifest: event.manifest,
        bytes: event.bytes,
        stallMs: event.stall_ms,
        at: event.t,
      })
      return
    case 'artifact':
      if (log.artifacts.size >= MAX_NAMES && !log.artifacts.has(event.name)) {
        log.garbage += 1
        return
      }
      log.artifacts.set(event.name, event.summary ?? null)
      return
    case 'warning':
      log.warnings.push(event.message)
      if (log.warnings.length > 100) log.warnings.shift()
      return
    case 'done':
      if (rank === 0) log.done = { metrics: event.metrics, summary: event.summary ?? null }
      return
    case 'failed': // the first rank to say so is the one that the others fell with
      if (log.failed && log.failed.at <= event.t) return
      log.failed = { code: event.code, message: event.message, hint: event.hint ?? null, rank, at: event.t }
      return
    default:
      event satisfies never
  }
}

function parseLine(line: string): WorkerEvent | null {
  if (line.length > MAX_LINE) return null
  try {
    return WorkerEvent.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}

/** Follows `events.<rank>.jsonl` of an attempt directory from wherever it is. */
export class AttemptTail {
  readonly log = emptyLog()
  readonly #directory: string
  readonly #redact: (line: string) => string
  readonly #changed: () => void
  readonly #files = new Map<string, { rank: number; offset: number; rest: string; skipping: boolean }>()
  #watcher: FSWatcher | null = null
  #reading: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(directory: string, redact: (line: string) => string, changed: () => void = () => {}) {
    this.#directory = directory
    this.#redact = redact
    this.#changed = changed
  }

  start(): void {
    if (this.#watcher) return
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
      const rank = /^events\.(\d+)\.jsonl$/.exec(name)?.[1]
      if (rank !== undefined) await this.#readFile(name, Number(rank))
    }
  }

  async #readFile(name: string, rank: number): Promise<void> {
    const file = this.#files.get(name) ?? { rank, offset: 0, rest: '', skipping: false }
    this.#files.set(name, file)
    const handle = await open(join(this.#directory, name)).catch(() => null)
    if (!handle) return
    try {
      const buffer = Buffer.alloc(1 << 16)
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, file.offset)
        if (bytesRead === 0) return
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
      }
    } finally {
      await handle.close()
    }
  }

  #take(file: { rank: number; skipping: boolean }, line: string): void {
    if (file.skipping) {
      file.skipping = false
      return
    }
    if (line.trim()) takeLine(this.log, file.rank, this.#redact(Buffer.from(line, 'latin1').toString('utf8')))
  }
}
