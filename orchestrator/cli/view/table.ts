import { type Line, padEnd, padStart, type Span, type Style, span, width } from './line.ts'

export type Column = { title: string; align?: 'left' | 'right'; style?: Style }

/** Columns under quiet titles, two spaces apart, as wide as what is in them. */
export function table(columns: Column[], rows: (string | Span)[][]): Line[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? span(cell) : cell)))
  const widths = columns.map((column, i) =>
    Math.max(width(column.title), ...cells.map((row) => width(row[i]?.text ?? ''))),
  )
  const line = (row: Span[]): Line =>
    columns.flatMap((column, i) => {
      const { text, style } = row[i] ?? span('')
      const pad = column.align === 'right' ? padStart : padEnd
      const own = style === 'plain' ? (column.style ?? 'plain') : style
      return [...(i === 0 ? [] : [span('  ')]), span(pad(text, widths[i] ?? 0), own)]
    })
  return [line(columns.map(({ title }) => span(title, 'dim'))), ...cells.map(line)]
}
