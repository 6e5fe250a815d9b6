import { z } from 'zod'
import { OrchestrateError } from '../errors.ts'
import { Artifact, FileEntry } from '../protocol/manifest.ts'
import type { MetricValue } from '../protocol/worker-event.ts'
import { byBytes } from './key.ts'
import { digestOutput } from './output-files.ts'

const StoredFile = FileEntry.extend({ key: z.string() })
type StoredFile = z.infer<typeof StoredFile>

/** `outputs.json` of an attempt: what it left, written last. */
export const Collected = z.strictObject({
  protocol: z.literal(1),
  outputs: z.record(z.string(), z.strictObject({ format: z.string().nullable(), files: z.array(StoredFile) })),
  metrics: Artifact.shape.metrics,
  summary: z.string().nullable(),
  device: z.string().nullable(),
})
export type Collected = z.infer<typeof Collected>

/** One artifact's contents from those of its shards, in their order. */
export function mergeShards(shards: Collected[]): Pick<Artifact, 'outputs' | 'metrics' | 'summary' | 'device'> {
  const outputs: Artifact['outputs'] = {}
  for (const name of new Set(shards.flatMap((shard) => Object.keys(shard.outputs)))) {
    const parts = shards.flatMap((shard) => shard.outputs[name] ?? [])
    const files = mergeFiles(
      name,
      parts.map((part) => part.files),
    )
    outputs[name] = { format: parts[0]?.format ?? null, digest: digestOutput(files), files }
  }
  return {
    outputs,
    metrics: mergeMetrics(shards.map((shard) => shard.metrics)),
    summary: join(shards.map((shard) => shard.summary)),
    device: join(shards.map((shard) => shard.device)),
  }
}

function mergeFiles(name: string, shards: StoredFile[][]): StoredFile[] {
  const files = new Map<string, StoredFile>()
  for (const file of shards.flat()) {
    const other = files.get(file.path)
    if (other && other.sha256 !== file.sha256)
      throw new OrchestrateError(
        'OUTPUT_CONFLICT',
        `output ${name}: two shards wrote different contents to ${file.path}`,
      )
    files.set(file.path, other ?? file)
  }
  return [...files.values()].sort((a, b) => byBytes(a.path, b.path))
}

/** Counts add up. Of plain numbers the mean over the shards that gave one is all that can be said without their weights. */
export function mergeMetrics(shards: Record<string, MetricValue>[]): Record<string, MetricValue> {
  const merged: Record<string, MetricValue> = {}
  for (const name of new Set(shards.flatMap((shard) => Object.keys(shard)))) {
    const values = shards.flatMap((shard) => shard[name] ?? [])
    const numbers = values.filter((value) => typeof value === 'number')
    const counts = values.filter((value) => typeof value !== 'number')
    merged[name] =
      counts.length > 0
        ? { k: counts.reduce((sum, { k }) => sum + k, 0), n: counts.reduce((sum, { n }) => sum + n, 0) }
        : numbers.reduce((sum, value) => sum + value, 0) / numbers.length
  }
  return merged
}

const join = (texts: (string | null)[]) => [...new Set(texts.filter((text) => text !== null))].join('; ') || null
