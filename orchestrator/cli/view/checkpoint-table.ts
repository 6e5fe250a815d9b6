import { count, measured, NONE } from '../../report/figures.ts'
import type { CheckpointView } from '../../server/api.ts'
import { ago, bytes } from './figures.ts'
import { type Line, type Span, span } from './line.ts'
import { table } from './table.ts'

/** Committed checkpoints, each with why it stays, and whether its files were read through since. */
export function checkpointTable(checkpoints: CheckpointView[], now: number): Line[] {
  const columns = [
    { title: 'stage' },
    { title: 'key', style: 'dim' as const },
    { title: 'shard', align: 'right' as const },
    { title: 'step', align: 'right' as const },
    { title: 'loss', align: 'right' as const },
    { title: 'size', align: 'right' as const },
    { title: 'saved', style: 'dim' as const },
    { title: 'attempt' },
    { title: 'stall', align: 'right' as const },
    { title: 'kept' },
    { title: 'verified' },
  ]
  const rows = checkpoints.map((one) => [
    one.stage,
    one.job.slice(0, 7),
    String(one.shard),
    count(one.step),
    one.metrics.loss === undefined ? NONE : measured(one.metrics.loss),
    bytes(one.bytes),
    ago(one.createdAt, now),
    one.attempt,
    one.stallMs === null ? NONE : stall(one.stallMs),
    kept(one),
    verified(one, now),
  ])
  return table(columns, rows)
}

const stall = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

function kept({ kept, marked }: CheckpointView): Span {
  if (kept.length > 0) return span(kept.join(', '))
  return span(marked ? 'marked for deletion' : 'until the next gc', 'dim')
}

function verified({ verified, verifiedAt }: CheckpointView, now: number): Span {
  if (verifiedAt === null) return span(verified, 'dim')
  return span(`${verified}, ${ago(verifiedAt, now)}`, verified === 'broken' ? 'bad' : 'good')
}
