import type { Json } from '../spec/pipeline.ts'
import { canonicalJson } from './canonical-json.ts'
import type { PlannedJob } from './plan.ts'

/** A part of the content key that two jobs have not in common; null: one of them hasn't got it at all. */
export type Difference = {
  part: 'entry' | 'command' | 'code' | 'lock' | 'config' | 'input' | 'generation'
  /** Path in the config, file of the code, name of the input; empty for what is only one thing. */
  at: string
  here: string | null
  there: string | null
}

export type Keyed = Pick<PlannedJob, 'key' | 'parts' | 'code'>

/** What makes one key differ from another, part by part. Empty exactly where the keys are equal. */
export function keyDifferences(here: Keyed, there: Keyed): Difference[] {
  const one = (part: Difference['part'], a: Json, b: Json): Difference[] =>
    entriesThatDiffer(new Map([['', a]]), new Map([['', b]])).map((found) => ({ part, ...found }))
  const many = (part: Difference['part'], a: Iterable<[string, Json]>, b: Iterable<[string, Json]>): Difference[] =>
    entriesThatDiffer(new Map(a), new Map(b)).map((found) => ({ part, ...found }))
  const [a, b] = [here.parts, there.parts]
  const files = many('code', Object.entries(here.code.files), Object.entries(there.code.files))
  return [
    ...one('entry', a.entry, b.entry),
    ...one('command', a.command, b.command),
    // Older jobs may not know their files.
    ...(files.length > 0 ? files : one('code', a.code, b.code)),
    ...one('lock', a.lock, b.lock),
    ...many('config', leaves(a.config), leaves(b.config)),
    ...many('input', Object.entries(a.inputs), Object.entries(b.inputs)),
    ...one('generation', a.generation, b.generation),
  ]
}

/** The candidate of which the least differs, of the same entry where there is one; of equals the first. */
export function nearestJob<T extends Keyed>(
  job: Keyed,
  candidates: Iterable<T>,
): { job: T; differences: Difference[] } | null {
  let best: { job: T; differences: Difference[]; distance: number } | null = null
  for (const candidate of candidates) {
    if (candidate.key === job.key) continue
    const differences = keyDifferences(job, candidate)
    const distance = differences.length + (candidate.parts.entry === job.parts.entry ? 0 : OTHER_ENTRY)
    if (best === null || distance < best.distance) best = { job: candidate, differences, distance }
  }
  return best && { job: best.job, differences: best.differences }
}

const OTHER_ENTRY = 1e6

function entriesThatDiffer(a: ReadonlyMap<string, Json>, b: ReadonlyMap<string, Json>): Omit<Difference, 'part'>[] {
  const text = (value: Json | undefined): string | null => (value === undefined ? null : canonicalJson(value))
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((at) => ({ at, here: text(a.get(at)), there: text(b.get(at)) }))
    .filter(({ here, there }) => here !== there)
}

/** Every value of a config under its path, `optimizer.lr`; an empty map and a list are values. */
function* leaves(value: Json, path: readonly string[] = []): Generator<[string, Json]> {
  const isInner = typeof value === 'object' && value !== null && !Array.isArray(value)
  const entries = isInner ? Object.entries(value) : []
  if (entries.length === 0) yield [path.join('.'), value]
  for (const [key, item] of entries) yield* leaves(item, [...path, key])
}
