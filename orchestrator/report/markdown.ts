import {
  clock,
  count,
  duration,
  hundredths,
  interval,
  measured,
  moment,
  NONE,
  NONE_YET,
  percent,
  plural,
  ratio,
  short,
} from './figures.ts'
import { findings } from './findings.ts'
import { gateSentences } from './gates/sentences.ts'
import type { ReportInput, RunFacts } from './input.ts'
import { jobName } from './job-name.ts'
import { labelsSentence } from './labels.ts'
import { comparedSentences } from './recipes.ts'
import { buildTable, type Row, type Table } from './table.ts'
import { spent } from './terminal.ts'
import type { Value } from './values.ts'

/** The report as Markdown, for a pull request or a notebook. Whatever users named is escaped. */
export function reportMarkdown(input: ReportInput): string {
  const { headline, test, measured: found, caveats } = findings(input)
  const table = buildTable(input)
  const blocks = [
    `# ${md(input.run.pipeline)} · ${md(input.run.id)}`,
    `**${md(headline)}**`,
    ...(test ? [md(test)] : []),
    ...(input.gates.length > 0 ? ['Gates:', bullets(gateSentences(input))] : []),
    tableBlock(table),
    md((table.rows.length > 0 && labelsSentence(input.run)) || ''),
    notesBlock(table),
    bullets(comparedSentences(input)),
    ...(found.length > 0 ? ['What was measured:', bullets(found)] : []),
    ...(caveats.length > 0 ? ['What it doesn’t say:', bullets(caveats)] : []),
    failures(input),
    jobsBlock(input),
    account(input),
    made(input),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function tableBlock({ axis, columns, metrics, rows }: Table): string {
  if (rows.length === 0) return ''
  const head = [
    axis,
    ...columns,
    ...(columns.length > 0 ? ['mean'] : []),
    ...metrics.map(({ label, bestConstant }) => constantHead(label, bestConstant)),
  ]
  const line = (row: Row) => [
    nameOf(row),
    ...row.values.map(cell),
    ...(columns.length > 0 ? [cell(row.mean)] : []),
    ...row.metrics.map(cell),
  ]
  return [head.map(md), head.map((_, index) => (index === 0 ? ':--' : '--:')), ...rows.map(line)]
    .map((words) => `| ${words.join(' | ')} |`)
    .join('\n')
}

const constantHead = (label: string, constant: number | null) =>
  constant === null ? label : `${label} (best constant ${measured(constant)})`

function nameOf({ name, baseline, state, notes }: Row): string {
  const marks = [...(baseline ? ['baseline'] : []), ...(state === 'succeeded' ? [] : [state])]
  return md(name) + (marks.length > 0 ? ` (${marks.join(', ')})` : '') + (notes.length > 0 ? ' \\*' : '')
}

function cell(value: Value): string {
  switch (value.kind) {
    case 'count':
      return `${ratio(value.k, value.n)} · ${hundredths(value.k / value.n)}\u00a0% ${interval(value.interval).replaceAll(/[[\]]/g, '\\$&')}`
    case 'numbers':
      return value.values.map(measured).join(', ')
    case 'none':
      return NONE
    case 'noneYet':
      return NONE_YET
  }
}

function notesBlock({ rows, columns }: Table): string {
  const notes = rows.flatMap(({ name, notes: own }) => own.map((note) => md(`* ${name}: ${note}.`)))
  const how = columns.length > 0 ? ['k/n, per cent and the 95\u00a0% Wilson interval over trials.'] : []
  return [...how, ...notes].join('  \n')
}

const bullets = (lines: string[]) => lines.map((line) => `- ${md(line)}`).join('\n')

const failures = (input: ReportInput) =>
  bullets(
    input.jobs.flatMap((job) =>
      job.error && job.error.code !== 'INPUT_FAILED'
        ? [`${jobName(job, input)} failed after ${plural(job.attempts, 'attempt')}: ${job.error.message}`]
        : [],
    ),
  )

function jobsBlock(input: ReportInput): string {
  if (input.jobs.length === 0) return ''
  const rows = input.jobs.map((job) => {
    const { queueing, ...held } = job.seconds
    const spent = Object.values(held).reduce((a, b) => a + b, 0)
    const state = job.cached ? 'cached' : job.state
    return [
      md(jobName(job, input)),
      code(short(job.key)),
      state,
      String(job.attempts),
      job.cached ? NONE : clock(spent),
      job.cached ? NONE : clock(queueing),
    ]
  })
  const head = ['job', 'key', 'state', 'attempts', 'held', 'queued']
  return [head, [':--', ':--', ':--', '--:', '--:', '--:'], ...rows]
    .map((words) => `| ${words.join(' | ')} |`)
    .join('\n')
}

/** What the wall time of the jobs went to, and what failures cost. */
function account({ goodput }: ReportInput): string {
  if (!goodput || goodput.share === null) return ''
  const { share, stepsComputed, stepsLost } = goodput
  const steps =
    stepsComputed > 0 ? `; ${plural(stepsComputed, 'step')} computed, ${count(stepsLost)} lost to failures` : ''
  return `Goodput ${percent(share)} of wall time (${spent(goodput).join(', ')})${steps}.`
}

function made({ run, madeAt }: ReportInput): string {
  const took = run.endedAt === null ? '' : `, ${duration((run.endedAt - run.createdAt) / 1000)}`
  return [
    `Run ${code(run.id)} by ${md(run.owner)}, ${moment(run.createdAt)}${took}`,
    commit(run),
    `report made ${moment(madeAt)}.`,
  ].join('; ')
}

const commit = ({ commit: hash, dirty }: RunFacts) =>
  hash === null ? 'no commit known' : `commit ${code(short(hash))}${dirty ? ' with uncommitted changes' : ''}`

/** Markdown and HTML have no power in here: what could start either is escaped, and a line stays a line. */
export function md(text: string): string {
  return text
    .replaceAll(/\s+/g, (space) => (space === '\u00a0' ? space : ' '))
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|~#]/g, '\\$&')
    .replace(/^([-+]|\d+\.)(\s|$)/, '\\$1$2')
}

/** Ids and digests as code; what no id has is left out. */
const code = (text: string) => `\`${text.replaceAll(/[^\w.:…-]/g, '')}\``
