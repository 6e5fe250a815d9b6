import type { Certificate } from '../../report/certificate/certificate.ts'
import { count, plural, shortDuration } from '../../report/figures.ts'
import { type Line, span } from '../view/line.ts'
import { table } from '../view/table.ts'

/** A row for each certificate. */
export function certificateLines(certificates: Certificate[]): Line[] {
  const columns = [
    { title: '' },
    { title: 'stage' },
    { title: 'ranks', align: 'right' as const },
    { title: 'ends with' },
    { title: 'killed at', align: 'right' as const },
    { title: 'resumed from', align: 'right' as const },
    { title: 'compared' },
    { title: 'took', align: 'right' as const, style: 'dim' as const },
  ]
  const rows = certificates.map((one) => [
    one.verdict === 'same' ? span('✔', 'good') : span('✘', 'bad'),
    one.stage + (one.shards === 1 ? '' : ` shard ${one.shard}`),
    String(one.ranks),
    one.verdict === 'same' ? span('the same bits', 'good') : span('other bits', 'bad'),
    `${one.kills.map(({ reached }) => count(reached)).join(', ')} of ${count(one.steps)}`,
    one.kills.map(({ resumedFrom }) => count(resumedFrom)).join(', '),
    comparedWords(one),
    shortDuration(one.seconds),
  ])
  return table(columns, rows)
}

/** `3 files, state, 12 points of 2 curves` */
function comparedWords({ compared }: Certificate): string {
  const sum = (kind: string) =>
    compared.filter(({ what }) => what.startsWith(kind)).reduce((n, one) => n + one.count, 0)
  const curves = compared.filter(({ what }) => what.startsWith('metric ')).length
  return [
    plural(sum('output '), 'file'),
    ...(compared.some(({ what }) => what.startsWith('state ')) ? ['training state'] : []),
    ...(curves > 0 ? [`${plural(sum('metric '), 'point')} of ${plural(curves, 'curve')}`] : []),
  ].join(', ')
}
