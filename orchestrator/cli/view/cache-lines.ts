import { count, plural, shortDuration } from '../../report/figures.ts'
import type { CachedView, CacheWhyView } from '../../server/api.ts'
import { ago, bytes } from './figures.ts'
import { type Line, span } from './line.ts'
import { table } from './table.ts'

const right = 'right' as const

export function cacheTable(cached: readonly CachedView[], now: number): Line[] {
  if (cached.length === 0) return [[span('Nothing is cached yet.')]]
  const rows = cached.map(({ key, stage, createdAt, seconds, files, bytes: size, runs }) => [
    key.slice(0, 7),
    stage,
    ago(createdAt, now),
    shortDuration(seconds),
    count(files),
    bytes(size),
    count(runs.length),
  ])
  const columns = [
    { title: 'job', style: 'dim' as const },
    { title: 'stage' },
    { title: 'made' },
    { title: 'took', align: right },
    { title: 'files', align: right },
    { title: 'size', align: right },
    { title: 'runs', align: right },
  ]
  return table(columns, rows)
}

type Difference = NonNullable<CacheWhyView['nearest']>['differences'][number]

export function cacheWhyLines({ key, stage, cached, nearest }: CacheWhyView): Line[] {
  const own = `${stage} ${key.slice(0, 7)} is ${cached ? '' : 'not '}cached.`
  if (nearest === null) return [[span(`${own} No other job is, to compare it with.`)]]
  const { differences } = nearest
  const head = `${own} The nearest job that is cached is ${nearest.stage} ${nearest.key.slice(0, 7)}; ${plural(differences.length, 'part')} of the key ${differences.length === 1 ? 'differs' : 'differ'}:`
  const columns = [{ title: 'part' }, { title: '' }, { title: 'here' }, { title: 'there' }]
  const rows = differences.map((one) => [one.part, one.at, shown(one, one.here), shown(one, one.there)])
  const inner = table(columns, rows).map((line): Line => [span('  '), ...line])
  const fed = differences.flatMap(({ part, here }) => (part === 'input' && here ? (jobIn(here) ?? []) : []))
  const next = fed.map((job): Line => [span(`  next  orchestrate cache why ${job.slice(0, 7)}`, 'dim')])
  return [[span(head, 'bold')], ...inner, ...next]
}

/** Digests say no more than that they differ: seven digits of them are enough. */
function shown({ part }: Difference, value: string | null): string {
  if (value === null) return 'not there'
  const short = value.replaceAll(/[0-9a-f]{64}/g, (digest) => digest.slice(0, 7))
  return part === 'code' ? short.replaceAll('"', '') : short
}

const jobIn = (input: string): string | null => /^"job:([0-9a-f]{64})\//.exec(input)?.[1] ?? null
