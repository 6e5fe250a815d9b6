import { count, shortDuration } from '../../report/figures.ts'
import type { CollectView } from '../../server/api.ts'
import { bytes } from './figures.ts'
import { type Line, span } from './line.ts'
import { table } from './table.ts'

type Item = CollectView['items'][number]
type Action = Item['action']

const right = 'right' as const

/** How each action is said of what a pass did, and of what it would do. */
const said: Record<Action, { did: string; would: string }> = {
  delete: { did: 'deleted', would: 'would be deleted' },
  mark: { did: 'marked', would: 'would be marked' },
  wait: { did: 'marked before', would: 'marked before' },
  'take back': { did: 'needed again', would: 'needed again' },
}

/** What a pass did, added up by what it was and why. */
export function collectTable(view: CollectView): Line[] {
  const groups = Map.groupBy(view.items, ({ action, kind, why }) => `${action}/${kind}/${why}`)
  const rows = [...groups.values()].flatMap((items) => {
    const [first] = items
    if (first === undefined) return []
    const { action, kind, why } = first
    return [
      [
        said[action].did,
        nameOf(kind),
        why,
        count(items.length),
        count(total(items, 'objects')),
        bytes(total(items, 'bytes')),
      ],
    ]
  })
  const columns = [
    { title: '' },
    { title: 'what' },
    { title: 'why' },
    { title: 'how many', align: right },
    { title: 'objects', align: right },
    { title: 'size', align: right },
  ]
  return [...table(columns, rows), ...footLines(view)]
}

/** Everything that would go, one by one. */
export function planTable(view: CollectView): Line[] {
  const rows = view.items.map(({ action, kind, job, stage, shard, fence, step, why, objects, bytes: size }) => [
    said[action].would,
    kind,
    stage ?? '',
    job.slice(0, 7),
    fence === null ? '' : `${shard}/${fence}`,
    step === null ? '' : count(step),
    why,
    count(objects),
    bytes(size),
  ])
  const columns = [
    { title: '' },
    { title: 'what' },
    { title: 'stage' },
    { title: 'key', style: 'dim' as const },
    { title: 'shard/fence', align: right },
    { title: 'step', align: right },
    { title: 'why' },
    { title: 'objects', align: right },
    { title: 'size', align: right },
  ]
  return [...table(columns, rows), ...footLines(view)]
}

function footLines({ items, now, graceMs }: CollectView): Line[] {
  const waiting = items.filter(({ action }) => action === 'mark' || action === 'wait')
  if (waiting.length === 0) return []
  const first = Math.min(...waiting.map(({ goesAt }) => goesAt ?? now + graceMs))
  const when = first <= now ? 'the next time' : `in ${shortDuration((first - now) / 1000)} at the earliest`
  const size = bytes(total(waiting, 'bytes'))
  return [[span(`What is marked (${size}) is deleted ${when}, unless something needs it by then.`, 'dim')]]
}

const total = (items: Item[], what: 'objects' | 'bytes'): number => items.reduce((sum, item) => sum + item[what], 0)

const nameOf = (kind: Item['kind']): string => (kind === 'outputs' || kind === 'logs' ? kind : `${kind}s`)
