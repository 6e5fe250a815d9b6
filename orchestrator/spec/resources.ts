import type { EntryDescription } from '../protocol/worker-description.ts'
import type { CheckpointPolicy, Json, Keep, Resources, Retry } from './pipeline.ts'
import { isMap, type Path } from './show.ts'
import { parseDuration, parseSize, parseSteps } from './units.ts'

export const defaults = {
  shards: 1,
  pool: 'local',
  checkpointsKept: 2,
  crashes: 3,
  backoffMs: 5_000,
  /** Seconds. */
  hang: 1800,
} as const

type Found = { path: Path; message: string }

/** Reads `resources:`, of which the shape is known to be right. What doesn't fit together is reported. */
export function readResources(value: Json | undefined, entry: EntryDescription | null, report: (found: Found) => void) {
  const given = isMap(value) ? value : {}
  const nodes = count(given.nodes) ?? 1
  const gpus = count(given.gpus) ?? 0
  const ranks = count(given.ranks) ?? nodes * Math.max(1, gpus)
  const cores = count(given.cores) ?? Math.ceil(ranks / nodes)
  const at = (key: string, message: string) => report({ path: ['resources', key], message })
  const key = given.ranks !== undefined ? 'ranks' : gpus > 1 ? 'gpus' : 'nodes'
  if (gpus > 0 && ranks !== nodes * gpus)
    at('ranks', `expected one rank per GPU, which is ${nodes * gpus}, found ${ranks}`)
  else if (ranks % nodes !== 0) at('ranks', `expected a multiple of the ${nodes} nodes, found ${ranks}`)
  if (ranks > 1 && entry?.distributed === false)
    at(key, `expected 1 rank, found ${ranks}: the entry can't be distributed`)
  const resources: Resources = {
    nodes,
    ranks,
    gpus,
    cores,
    memory: typeof given.memory === 'string' ? parseSize(given.memory) : null,
    time: typeof given.time === 'string' ? parseDuration(given.time) : null,
  }
  return resources
}

export function readCheckpoint(value: Json | undefined): CheckpointPolicy {
  const given = isMap(value) ? value : {}
  const every = typeof given.every === 'string' ? parseSteps(given.every) : null
  return { every, keep: readKeep(given.keep) }
}

/** `keep: 2` says the same as `keep: { last: 2 }`. */
function readKeep(value: Json | undefined): Keep {
  const given = isMap(value) ? value : { last: value ?? null }
  const best = isMap(given.best) ? given.best : null
  return {
    last: count(given.last) ?? defaults.checkpointsKept,
    every: typeof given.every === 'string' ? parseSteps(given.every) : null,
    best: typeof best?.metric === 'string' ? { metric: best.metric, mode: best.mode === 'max' ? 'max' : 'min' } : null,
  }
}

export function readRetry(value: Json | undefined): Retry {
  const given = isMap(value) ? value : {}
  const backoff = typeof given.backoff === 'string' ? parseDuration(given.backoff) : null
  return {
    crashes: count(given.crashes) ?? defaults.crashes,
    backoffMs: backoff === null ? defaults.backoffMs : Math.round(backoff * 1000),
  }
}

/** Seconds of silence that are no hang, whatever the worker is at; null: hangs are not looked for. */
export function readHang(value: Json | undefined): number | null {
  if (value === 'off') return null
  return (typeof value === 'string' ? parseDuration(value) : null) ?? defaults.hang
}

export function readShards(
  value: Json | undefined,
  entry: EntryDescription | null,
  report: (found: Found) => void,
): number {
  const shards = count(value) ?? defaults.shards
  if (shards > 1 && entry?.shardable === false)
    report({ path: ['shards'], message: `expected 1, found ${shards}: the entry can't be cut into shards` })
  return shards
}

const count = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null)
