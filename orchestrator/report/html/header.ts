import { moment, NONE, plural, short } from '../figures.ts'
import { type Findings, findings } from '../findings.ts'
import type { ReportInput } from '../input.ts'
import { jobName } from '../job-name.ts'
import { html, type Part, type Safe } from './escape.ts'
import { mark, runState } from './marks.ts'

/** The answer first: what run it is, the sentence, the test behind it, what it doesn't say, and what failed. */
export function header(input: ReportInput): Safe {
  const { run, cells } = input
  const done = cells.filter(({ state }) => state === 'succeeded').length
  const found = findings(input)
  return html`<header>
<div class="run"><b>${run.pipeline}</b><span>run <span class="id">${run.id}</span></span>${commit(input)}<span>${done} of ${plural(cells.length, 'cell')}</span>${runState(run.state)}<span class="end">made ${time(input.madeAt)}</span></div>
<h1>${unbroken(found.headline, input)}</h1>
${ledes(found)}
${failures(input)}
</header>`
}

/** Names with hyphens and intervals stay on one line where they are short enough to. */
function unbroken(text: string, { cells }: ReportInput): Part[] {
  const names = cells.map(({ name }) => name).filter((name) => name.includes('-') && name.length <= 24)
  names.sort((a, b) => b.length - a.length) // the longest that fits, not its beginning
  const wholes = ['\\[[^\\]]{1,20}\\]', ...names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\-]/g, '\\$&'))]
  const parts = text.split(new RegExp(`(${wholes.join('|')})`))
  // What the pattern caught stands at every second place.
  return parts.map((part, index) => (index % 2 === 1 ? html`<span class="whole">${part}</span>` : part))
}

export const time = (ms: number): Safe => html`<time datetime="${new Date(ms).toISOString()}">${moment(ms)}</time>`

function commit({ run }: ReportInput): Safe {
  if (run.commit === null) return html`<span>commit ${NONE}</span>`
  return html`<span>commit <span class="id" title="${run.commit}">${short(run.commit)}</span>${run.dirty ? ' with changes' : ''}</span>`
}

const ledes = ({ test, of, measured, caveats }: Findings): Safe[] => [
  ...(test ? [html`<p class="lede"><b>${of === 'recipe' ? 'Recipe test' : 'Policy test'}.</b> ${test}</p>`] : []),
  ...(measured.length > 0 ? [html`<p class="lede"><b>What was measured.</b> ${measured.join(' ')}</p>`] : []),
  ...(caveats.length > 0 ? [html`<p class="lede"><b>What it doesn’t say.</b> ${caveats.join(' ')}</p>`] : []),
]

function failures(input: ReportInput): Safe[] {
  return input.jobs.flatMap((job) => {
    if (!job.error || job.error.code === 'INPUT_FAILED') return [] // what failed first says it all
    const { message, hint } = job.error
    const after = job.attempts > 0 ? ` after ${plural(job.attempts, 'attempt')}` : ''
    return [
      html`<div class="alert panel"><span class="is-failed">${mark('failed')}</span><div><strong>${jobName(job, input)} failed${after}.</strong><p>${message}</p>${hint === null ? null : html`<p>${hint}</p>`}</div></div>`,
    ]
  })
}
