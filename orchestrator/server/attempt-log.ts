import { type MetricValue, WorkerEvent } from '../protocol/worker-event.ts'
import { noPulse, type Pulse, takeSign } from '../run/pulse.ts'

const PROTOCOL = 1
/** Characters of one event; a line that is longer is none. */
export const MAX_LINE = 1 << 20
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

/** Takes one line of the engine, which only warns: what it can't do as the pool asks. */
export function takeEngineLine(log: AttemptLog, line: string): void {
  const event = parseLine(line)
  if (event?.type === 'warning') log.warnings.push(event.message)
  else log.garbage += 1
}

function parseLine(line: string): WorkerEvent | null {
  if (line.length > MAX_LINE) return null
  try {
    return WorkerEvent.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}
