import { hundredths, measured } from './figures.ts'
import type { ReportInput } from './input.ts'
import { comparedSentences } from './recipes.ts'
import { buildTable, type Row, type Table } from './table.ts'
import type { Value } from './values.ts'

/** The table for a paper, with booktabs: counts, per cent and Wilson intervals, the baseline above a rule, tests as notes. */
export function reportLatex(input: ReportInput): string {
  const table = buildTable(input)
  const { axis, columns, metrics, rows } = table
  const head = [axis, ...columns, ...(columns.length > 0 ? ['mean'] : []), ...metrics.map(({ label }) => label)]
  const own = rows.filter(({ kind }) => kind === 'cell')
  const sanity = rows.filter(({ kind }) => kind === 'sanity')
  const tests = comparedSentences(input).map((sentence) => `% ${comment(sentence)}`)
  return `${[
    `% ${comment(`${input.run.pipeline} ${input.run.id}`)}: k/n, per cent and 95 % Wilson intervals over trials; needs booktabs`,
    ...tests,
    ...rows.flatMap(({ name, notes }) => notes.map((note) => `% ${comment(`${name}: ${note}`)}`)),
    `\\begin{tabular}{l${'r'.repeat(head.length - 1)}}`,
    '\\toprule',
    `${head.map(tex).join(' & ')} \\\\`,
    '\\midrule',
    ...own.map((row) => line(row, table)),
    ...(sanity.length > 0 ? ['\\midrule', ...sanity.map((row) => line(row, table))] : []),
    '\\bottomrule',
    '\\end{tabular}',
  ].join('\n')}\n`
}

function line(row: Row, { columns }: Table): string {
  const marks = [...(row.baseline ? ['baseline'] : []), ...(row.state === 'succeeded' ? [] : [row.state])]
  const name = tex(row.name) + (marks.length > 0 ? ` (${marks.join(', ')})` : '')
  return `${[name, ...row.values.map(cell), ...(columns.length > 0 ? [cell(row.mean)] : []), ...row.metrics.map(cell)].join(' & ')} \\\\`
}

function cell(value: Value): string {
  switch (value.kind) {
    case 'count': {
      const { k, n, interval } = value
      const [lower, upper] = [interval.lower, interval.upper].map((share) => (share * 100).toFixed(1))
      return `${k}/${n} $${math(hundredths(k / n))}$ [${lower}, ${upper}]`
    }
    case 'numbers':
      return value.values.map((one) => `$${math(measured(one))}$`).join(', ')
    case 'none':
      return '--'
    case 'noneYet':
      return '\\emph{none yet}'
  }
}

const math = (figure: string): string => figure.replaceAll('\u2212', '-').replaceAll(',', '{,}')

const special: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
}

/** Names come from users: none of them is a command. */
const tex = (text: string): string =>
  oneLine(text).replaceAll(/[\\~^&%$#_{}]/g, (character) => special[character] ?? `\\${character}`)

const comment = (text: string): string => oneLine(text)

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
