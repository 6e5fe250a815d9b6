import type { ReportInput } from './input.ts'
import { buildTable, type Row } from './table.ts'
import type { Value } from './values.ts'

const HEAD = ['run', 'row', 'kind', 'baseline', 'state', 'column', 'k', 'n', 'value', 'lower95', 'upper95', 'notes']

/**
 * The table, a line for each of its figures, as spreadsheets and data frames read it (RFC 4180). Shares are of one, intervals
 * Wilson's; a figure that is missing has empty fields, so that nothing is lost by leaving lines out.
 */
export function reportCsv(input: ReportInput): string {
  const { columns, metrics, rows } = buildTable(input)
  const lines = rows.flatMap((row) => [
    ...columns.flatMap((column, index) => figures(input, row, column, row.values[index])),
    ...(columns.length > 0 ? figures(input, row, 'mean', row.mean) : []),
    ...metrics.flatMap(({ name }, index) => figures(input, row, name, row.metrics[index])),
  ])
  return [HEAD, ...lines].map((fields) => `${fields.map(field).join(',')}\r\n`).join('')
}

/** Several values, one of each training seed, are as many lines. */
function figures({ run }: ReportInput, row: Row, column: string, value: Value | undefined): string[][] {
  const start = [run.id, row.name, row.kind, row.baseline ? 'yes' : 'no', row.state, column]
  const line = (figures: (number | '')[]) => [...start, ...figures.map(String), row.notes.join('; ')]
  switch (value?.kind) {
    case 'count': {
      const { k, n, interval } = value
      return [line([k, n, k / n, interval.lower, interval.upper])]
    }
    case 'numbers':
      return value.values.map((one) => line(['', '', one, '', '']))
    default:
      return [line(['', '', '', '', ''])]
  }
}

/** What a spreadsheet would take for a formula is kept from it; a number stays one. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
