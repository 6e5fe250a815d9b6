import { count, duration, NONE, percent, plural, short } from '../figures.ts'
import { type Goodput, type Phase, type PhaseSeconds, phases, type ReportInput, type ReportJob } from '../input.ts'
import { jobName } from '../job-name.ts'
import { place } from '../placement.ts'
import { html, type Safe } from './escape.ts'
import { jobState } from './marks.ts'

const words: Record<Phase, string> = {
  queueing: 'queueing',
  starting: 'starting',
  training: 'training',
  saving: 'saving',
  restarting: 'restarting',
  lost: 'lost',
}
/** As a reader counts it: what helped first, what held nothing last. */
const order: Phase[] = ['training', 'saving', 'starting', 'restarting', 'lost', 'queueing']

/** Where the time went, as a whole and job by job on one scale. */
export function timeSpent(input: ReportInput): Safe | null {
  if (input.jobs.length === 0) return null
  const total = Object.fromEntries(
    phases.map((phase) => [phase, sum(input.jobs.map(({ seconds }) => seconds[phase]))]),
  ) as PhaseSeconds
  const longest = Math.max(0, ...input.jobs.map(({ seconds }) => sum(Object.values(seconds))))
  const cached = input.jobs.filter((job) => job.cached).length
  return html`<section aria-labelledby="s-w"><h2 id="s-w">Where the time went</h2><p>${goodput(input)}${plural(input.jobs.length, 'job')}, ${cached} cached; a cached job took nothing from this run.</p>
<div class="times"><div>${duration(((input.run.endedAt ?? input.madeAt) - input.run.createdAt) / 1000)} elapsed<small>${duration(held(total))} held by attempts in all</small></div>${bar(total, sum(Object.values(total)))}</div>
${account(total)}
<h3>By job <small>bars on one scale, the longest is ${duration(longest)}</small></h3>
<p class="hint">Wider than this screen: scroll sideways.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Jobs"><table class="jobs"><thead><tr><th scope="col" class="first">job</th><th scope="col">state</th><th scope="col">key</th><th scope="col" class="num">attempts</th><th scope="col">ran on</th><th scope="col" class="bar"><span class="sr">phases, drawn</span></th><th scope="col" class="num">held</th><th scope="col" class="num">queued</th></tr></thead><tbody>
${input.jobs.map((job) => line(job, input, longest))}</tbody></table></div></section>`
}

const goodput = ({ goodput: whole }: ReportInput) =>
  whole && whole.share !== null
    ? `Goodput ${percent(whole.share)}: of the wall time of all jobs, each from when it could start to its end, what went into steps that count. ${steps(whole)}`
    : ''

const steps = ({ stepsComputed, stepsLost }: Goodput) =>
  stepsComputed === 0
    ? ''
    : `${plural(stepsComputed, 'step')} computed, ${stepsLost === 0 ? 'none' : count(stepsLost)} of them lost to failures. `

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const held = (seconds: PhaseSeconds) => sum(Object.values(seconds)) - seconds.queueing

/** Widths are SVG attributes; the figures stand in the table beside. */
function bar(seconds: PhaseSeconds, whole: number): Safe {
  let from = 0
  const parts = order.flatMap((phase) => {
    const share = whole > 0 ? seconds[phase] / whole : 0
    const start = from
    from += share
    return share > 0 ? [html`<svg x="${at(start)}" width="${at(share)}" height="100%">${shape(phase)}</svg>`] : []
  })
  return html`<svg class="sbar" width="100%" aria-hidden="true">${parts}</svg>`
}

const at = (share: number) => `${(share * 100).toFixed(3)}%`

/** Queueing holds nothing, so it is an outline; what is lost to failures is hatched. */
const shape = (phase: Phase): Safe => html`<rect class="ph ${phase}" width="100%" height="100%"/>`

export const patterns: Safe = html`<svg width="0" height="0" class="defs" aria-hidden="true">${hatch('lost-hatch', 'hatch')}${hatch('restart-hatch', 'hatch restart')}</svg>`

function hatch(id: string, style: string): Safe {
  return html`<pattern id="${id}" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="${style}" d="M0 0v4"/></pattern>`
}

function account(total: PhaseSeconds): Safe {
  const whole = sum(Object.values(total))
  const row = (phase: Phase) =>
    html`<tr><th scope="row"><svg class="swatch" aria-hidden="true">${shape(phase)}</svg>${words[phase]}</th><td class="num">${duration(total[phase])}</td><td class="num">${whole === 0 ? NONE : percent(total[phase] / whole)}</td></tr>`
  return html`<table class="acc"><thead><tr><th scope="col">phase</th><th scope="col" class="num">over all attempts</th><th scope="col" class="num">of wall time</th></tr></thead><tbody>
${order.map(row)}
</tbody><tfoot><tr><th scope="row">wall time</th><td class="num">${duration(whole)}</td><td class="num">${whole > 0 ? percent(1) : NONE}</td></tr></tfoot></table>`
}

function line(job: ReportJob, input: ReportInput, longest: number): Safe {
  const { summary, cached, seconds } = job
  return html`<tr><th scope="row">${jobName(job, input)}${summary === null ? null : html`<small>${summary}</small>`}</th><td>${jobState(job)}</td><td><span class="id" title="${job.key}">${short(job.key)}</span></td><td class="num">${job.attempts}</td><td>${place(job) ?? NONE}</td><td class="bar">${cached ? null : bar(seconds, longest)}</td><td class="num">${cached ? NONE : duration(held(seconds))}</td><td class="num">${cached ? NONE : duration(seconds.queueing)}</td></tr>
`
}
