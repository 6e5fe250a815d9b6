/** What an object under `jobs/<key>/` is part of, by its path there. */
export type PlaceInJob =
  | { part: 'artifact' }
  | { part: 'claim'; shard: number; fence: number }
  | { part: 'outputs' | 'outputs list' | 'logs'; shard: number; fence: number }
  | { part: 'checkpoint'; shard: number; fence: number; step: number; file: string }

/** Null for what nobody here has written. */
export function placeInJob(path: string): PlaceInJob | null {
  if (path === 'artifact.json') return { part: 'artifact' }
  const claim = /^s(\d+)\/fences\/([1-9]\d*)\.json$/.exec(path)
  if (claim) return { part: 'claim', shard: Number(claim[1]), fence: Number(claim[2]) }
  const [, shard, fence, rest = ''] = /^s(\d+)\/([1-9]\d*)\/(.+)$/.exec(path) ?? []
  const attempt = { shard: Number(shard), fence: Number(fence) }
  if (rest === 'outputs.json') return { part: 'outputs list', ...attempt }
  if (rest.startsWith('outputs/')) return { part: 'outputs', ...attempt }
  if (rest.startsWith('logs/')) return { part: 'logs', ...attempt }
  const [, step, file] = /^checkpoints\/(\d+)\/(.+)$/.exec(rest) ?? []
  return step === undefined || file === undefined ? null : { part: 'checkpoint', ...attempt, step: Number(step), file }
}
