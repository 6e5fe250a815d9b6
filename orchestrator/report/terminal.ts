import { createColors } from 'picocolors'
import stringWidth from 'string-width'
import {
  clock,
  hundredths,
  interval,
  measured,
  NONE,
  NONE_YET,
  plural,
  ratio,
  roughInterval,
  shortDuration,
} from './figures.ts'
import { verdicts } from './gates/judge.ts'
import { gateSentence } from './gates/sentences.ts'
import type { GateOutcome } from './gates/verdict.ts'
import type { Goodput, PhaseSeconds, ReportInput, RunState } from './input.ts'
import { labelsSentence } from './labels.ts'
import { comparedSentences } from './recipes.ts'
import { buildTable, type Row, type Table } from './table.ts'
import type { Value } from './values.ts'

export type TerminalOptions = { colour: boolean; width: number }

/** The end of a run: a line for the whole, the table, what it shows. Two blanks of margin, ready to print. */
export function reportLines(input: ReportInput, { colour, width }: TerminalOptions): string[] {
  const table = buildTable(input)
  const body = tableLines(table, width - 2, colour)
  const sentences = comparedSentences(input).flatMap((sentence) => wrap(plain(sentence), width - 4, '  '))
  const notes = table.rows.flatMap((row) => row.notes.map((note) => `${row.name}: ${note}`))
  const labels = labelsSentence(input.run)
  const under = [
    ...(labels === null ? [] : wrap(plain(labels), width - 4, '  ')),
    ...sentences,
    ...notes.flatMap((note) => wrap(plain(note), width - 4, '  ')),
  ]
  const gates = verdicts(input).flatMap((verdict) =>
    wrap(`${outcomeMarks[verdict.counts]} ${plain(gateSentence(verdict))}`, width - 4, '  ').map((line) => `  ${line}`),
  )
  return [
    ...headLines(input, colour, width),
    ...(gates.length > 0 ? ['', ...gates] : []),
    ...(body.length > 0 ? ['', ...[...body, ...under].map((line) => `  ${line}`.trimEnd())] : []),
  ]
}

const outcomeMarks: Record<GateOutcome, string> = { pass: '✔', fail: '✘', undecided: '◌' }

const marks: Record<RunState, string> = { running: '◐', succeeded: '✔', failed: '✘', cancelled: '■' }

/** `✔ quickstart · r-7k2p · 9m 41s · goodput 93% (training 7:12, saving 0:04, …)`, the last part below where it is too long. */
export function headLines({ run, goodput, madeAt }: ReportInput, colour: boolean, width: number): string[] {
  const c = createColors(colour)
  const paint = { running: c.blue, succeeded: c.green, failed: c.red, cancelled: c.dim }[run.state]
  const state = run.state === 'succeeded' ? [] : [run.state]
  const took = shortDuration(((run.endedAt ?? madeAt) - run.createdAt) / 1000)
  const words = [plain(run.id), ...state, took]
  const head = (rest: string[]) =>
    `${paint(marks[run.state])} ${[c.bold(plain(run.pipeline)), ...words, ...rest].join(' · ')}`
  const last = goodputWords(goodput)
  return stringWidth(head(last)) <= width
    ? [head(last)]
    : [head([]), ...last.flatMap((line) => wrap(line, width - 2, '  ')).map((line) => `  ${line}`)]
}

/** What the wall time of a run's jobs went to, `training 7:12`; what failures cost is left out where there were none. */
export function spent(goodput: PhaseSeconds & { stepsLost: number }): string[] {
  const { training, saving, starting, queueing, restarting, lost, stepsLost } = goodput
  const steps = stepsLost > 0 ? ` (${plural(stepsLost, 'step')})` : ''
  return [
    ...Object.entries({ training, saving, starting, queueing }).map(([name, seconds]) => `${name} ${clock(seconds)}`),
    ...(restarting > 0 ? [`restarting ${clock(restarting)}`] : []),
    ...(lost > 0 ? [`lost ${clock(lost)}${steps}`] : []),
  ]
}

function goodputWords(goodput: Goodput | null): string[] {
  if (!goodput || goodput.share === null) return []
  return [`goodput ${Math.round(goodput.share * 100)}% (${spent(goodput).join(', ')})`]
}

/** The widest form that fits: all intervals, then only those of the means, then counts alone. */
export function tableLines(table: Table, width: number, colour: boolean): string[] {
  if (table.rows.length === 0) return []
  const written = forms.map((form) => columnsOf(table, form))
  const fitting = written.find((columns) => widthOf(columns) <= width) ?? (written.at(-1) as string[][])
  const c = createColors(colour)
  return align(fitting).map((line, index) => {
    const row = table.rows[index - 1]
    return index === 0 || row?.kind === 'sanity' ? c.dim(line) : line
  })
}

type Parts = (value: Value & { kind: 'count' }) => string[]
const bare: Parts = ({ k, n }) => [ratio(k, n)]
const rough: Parts = ({ k, n, interval }) => [ratio(k, n), roughInterval(interval)]
const precise: Parts = ({ k, n, interval: own }) => [ratio(k, n), `${hundredths(k / n)}%`, interval(own)]

type Form = { task: Parts; mean: Parts; constants: boolean }
const forms: Form[] = [
  { task: rough, mean: precise, constants: true },
  { task: rough, mean: precise, constants: false },
  { task: bare, mean: precise, constants: false },
  { task: bare, mean: bare, constants: false },
]

/** Columns of words, heading first. */
function columnsOf({ axis, columns, metrics, rows }: Table, form: Form): string[][] {
  const each = columns.map((column, index) => {
    const values = rows.map((row) => row.values[index] as Value)
    return [shortTask(column, columns), ...padCounts(values, form.task)]
  })
  const means = rows.map((row) => row.mean)
  const mean = columns.length > 0 ? [['mean', ...padCounts(means, form.mean)]] : []
  const extra = metrics.map(({ label, bestConstant }, index) => [
    bestConstant === null || !form.constants
      ? plain(label)
      : `${plain(label)} (best constant ${measured(bestConstant)})`,
    ...rows.map((row) => words(row.metrics[index] as Value)),
  ])
  return [[plain(axis), ...rows.map(rowName)], ...each, ...mean, ...extra]
}

const rowName = ({ name, state }: Row) => plain(name) + (state === 'succeeded' ? '' : ` (${state})`)

/** Counts in a column line up part by part: `20/20 [84, 100]` over ` 0/20 [0, 16]`. */
function padCounts(values: Value[], parts: Parts): string[] {
  const split = values.map((value) => (value.kind === 'count' ? parts(value) : [words(value)]))
  const widest = (place: number) =>
    Math.max(...split.filter((own) => own.length > 1).map((own) => own[place]?.length ?? 0))
  return split.map((own) =>
    own.map((part, place) => (place < own.length - 1 ? part.padEnd(widest(place)) : part)).join(' '),
  )
}

function words(value: Value): string {
  switch (value.kind) {
    case 'count':
      return ratio(value.k, value.n)
    case 'numbers':
      return value.values.map(measured).join(', ')
    case 'none':
      return NONE
    case 'noneYet':
      return NONE_YET
  }
}

/** `button-press-topdown-v3` without its version, where that stays unique. */
function shortTask(task: string, all: string[]): string {
  const bareName = (name: string) => name.replace(/-v\d+$/, '')
  return plain(all.filter((other) => bareName(other) === bareName(task)).length === 1 ? bareName(task) : task)
}

const GAP = '  '
const widest = (column: string[]) => Math.max(...column.map((word) => stringWidth(word)))
const widthOf = (columns: string[][]) => columns.reduce((sum, column) => sum + widest(column) + GAP.length, -GAP.length)

function align(columns: string[][]): string[] {
  const widths = columns.map(widest)
  const pad = (word: string, width: number) => word + ' '.repeat(Math.max(0, width - stringWidth(word)))
  return (columns[0] ?? []).map((_, line) =>
    columns
      .map((column, index) => pad(column[line] ?? '', widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && stringWidth(`${line} ${word}`) > Math.max(20, width)) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}

/** Names come from users: none may move the cursor or start a line. */
const plain = (text: string) => text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
