import { comparisonSentence, comparisons } from '../compare.ts'
import { hundredths, interval, measured, NONE, NONE_YET, plural, ratio } from '../figures.ts'
import type { ReportInput } from '../input.ts'
import { labelsSentence } from '../labels.ts'
import { buildTable, type Row, type Table } from '../table.ts'
import type { Value } from '../values.ts'
import { html, type Safe } from './escape.ts'
import { runState } from './marks.ts'

/** Rows by tasks, with the interval of the whole drawn beside it. */
export function successTable(input: ReportInput): Safe | null {
  const table = buildTable(input)
  if (table.rows.length === 0) return null
  const notes = letters(table.rows)
  const labels = labelsSentence(input.run)
  const width = table.columns.length + table.metrics.length + (table.columns.length > 0 ? 3 : 1)
  const [cells, sanity] = (['cell', 'sanity'] as const).map((kind) => table.rows.filter((row) => row.kind === kind))
  return html`<section aria-labelledby="s-t"><h2 id="s-t">${title(input)}</h2>${how(table)}
<p class="hint">Wider than this screen: scroll sideways.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="s-t"><table class="paper">
<colgroup><col>${table.columns.length > 0 ? html`<col><col class="st"><col span="${table.columns.length}">` : null}${table.metrics.map(() => html`<col>`)}</colgroup>
${head(table)}
<tbody>${separator('Measured in this run', source(input, table), width, 'top')}
${(cells ?? []).map((row) => line(row, table, notes))}
${sanity && sanity.length > 0 ? [separator('Sanity', 'what these trials can tell apart at all', width, ''), sanity.map((row) => line(row, table, notes))] : null}</tbody></table></div>
${labels === null ? null : html`<p class="how">${labels}</p>`}${footnotes(notes)}${refusals(input)}</section>`
}

const title = ({ spec }: ReportInput) =>
  `${spec.value.charAt(0).toUpperCase()}${spec.value.slice(1)} by ${spec.columns}`

const how = ({ columns }: Table) =>
  columns.length === 0
    ? html`<p>No trials to count yet.</p>`
    : html`<p>k/n, per cent and 95 % Wilson interval over trials; the dot and line draw those of all tasks together.</p>`

function source({ cells }: ReportInput, { rows }: Table): string {
  const means = rows.filter(({ kind }) => kind === 'cell').map(({ mean }) => mean)
  const ns = new Set(means.map((mean) => (mean.kind === 'count' ? mean.n : 0)))
  const [n] = ns
  const same = ns.size === 1 && n ? [`${plural(n, 'trial')} a row, the same for every row`] : []
  return [plural(cells.length, 'cell'), ...same].join(', ')
}

function head({ axis, columns, metrics }: Table): Safe {
  const whole =
    columns.length > 0
      ? html`<th scope="col" class="num">${wholeOf(columns.length)}</th><th scope="col"><span class="sr">interval, drawn from 0 to 100 per cent</span><div class="ax" aria-hidden="true"><span style="left:0">0</span><span style="left:50%">50</span><span style="left:100%">100 %</span></div></th>`
      : null
  return html`<thead><tr><th scope="col" class="first">${axis}</th>${whole}${columns.map((column) => html`<th scope="col" class="num">${column}</th>`)}${metrics.map(
    ({ label, about, bestConstant }) =>
      html`<th scope="col" class="num" title="${about}">${label}${bestConstant === null ? null : html`<small>best constant ${measured(bestConstant)}</small>`}</th>`,
  )}</tr></thead>`
}

const wholeOf = (tasks: number) => (tasks === 1 ? 'whole' : tasks === 2 ? 'both tasks' : `all ${tasks} tasks`)

const separator = (name: string, about: string, width: number, where: string): Safe =>
  html`<tr class="sep ${where}"><th colspan="${width}" scope="rowgroup">${name} <span class="src">${about}</span></th></tr>`

function line(row: Row, { columns }: Table, notes: Map<string, string>): Safe {
  const marks = row.notes.map((note) => notes.get(note)).join(' ')
  const whole = columns.length > 0 ? [cell(row.mean, 'b'), html`<td>${strip(row.mean)}</td>`] : []
  return html`<tr><th scope="row"><span class="name" title="${row.name}">${row.name}</span>${marks ? html` <sup>${marks}</sup>` : null}${row.baseline ? html` <small class="base">baseline</small>` : null}${row.state === 'succeeded' ? null : html` <small>${runState(row.state)}</small>`}</th>${whole}${row.values.map((value) => cell(value, 'span'))}${row.metrics.map((value) => cell(value, 'span'))}</tr>
`
}

function cell(value: Value, weight: 'b' | 'span'): Safe {
  switch (value.kind) {
    case 'count': {
      const { k, n } = value
      const figure = weight === 'b' ? html`<b>${ratio(k, n)}</b>` : ratio(k, n)
      return html`<td class="num">${figure}<small>${hundredths(k / n)} % ${interval(value.interval)}</small></td>`
    }
    case 'numbers':
      return html`<td class="num">${value.values.map(measured).join(', ')}</td>`
    case 'none':
      return html`<td class="num quiet">${NONE}</td>`
    case 'noneYet':
      return html`<td class="num quiet">${NONE_YET}</td>`
  }
}

const at = (share: number) => `${(share * 100).toFixed(1)}%`

/** Interval as a line, rate as a dot, on 0 to 100 %. The figures stand beside it, so it is hidden from a reader's voice. */
function strip(value: Value): Safe | null {
  if (value.kind !== 'count') return null
  const { k, n, interval: range } = value
  return html`<svg class="strip" width="100%" height="24" aria-hidden="true">${[0, 0.25, 0.5, 0.75, 1].map(
    (tick) => html`<line class="grid" x1="${at(tick)}" x2="${at(tick)}" y1="0" y2="24"/>`,
  )}<line class="wh" x1="${at(range.lower)}" x2="${at(range.upper)}" y1="12" y2="12"/><circle class="pt" cx="${at(k / n)}" cy="12" r="3.5"/></svg>`
}

/** Note -> letter, each note once. */
function letters(rows: Row[]): Map<string, string> {
  const notes = [...new Set(rows.flatMap(({ notes: own }) => own))]
  return new Map(notes.map((note, index) => [note, index < 26 ? String.fromCharCode(97 + index) : String(index + 1)]))
}

const footnotes = (notes: Map<string, string>): Safe | null =>
  notes.size === 0
    ? null
    : html`<p class="how">${[...notes].map(([note, letter]) => html`<sup>${letter}</sup> ${capital(note)}. `)}</p>`

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** What can't be compared is said where the table invites comparing it. */
function refusals(input: ReportInput): Safe[] {
  const refused = comparisons(input).filter(({ kind }) => kind === 'refused')
  return refused.map((one) => html`<p class="how">${comparisonSentence(one)}.</p>`)
}
