import { comparisons, type Tested } from '../compare.ts'
import { hundredths, points, pointsInterval, pValue } from '../figures.ts'
import type { ReportInput } from '../input.ts'
import { type Recipe, recipes } from '../recipes.ts'
import type { Outcome } from '../stats/welch.ts'
import type { Interval } from '../stats/wilson.ts'
import { html, type Safe } from './escape.ts'
import { linearScale } from './scale.ts'

/** Each row against the baseline on the same trials, drawn on one axis of points. */
export function differences(input: ReportInput): Safe | null {
  const tested = comparisons(input).filter((one) => one.kind === 'tested')
  const [first] = tested
  if (!first) return null
  const scale = axis(tested)
  const corrected = first.tests > 1
  return html`<section aria-labelledby="s-d"><h2 id="s-d">Difference to ${first.baseline}</h2><p>Policy against policy, on the same trials: do these two differ? Whether the ways of training differ, one seed can’t say.</p>
<p class="hint">Wider than this screen: scroll sideways.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="s-d"><table class="forest"><thead><tr><th scope="col" class="first">policy</th>${drawnHead(scale)}<th scope="col" class="num">points [95 %]</th><th scope="col" class="num">better / worse</th><th scope="col" class="num">paired trials</th><th scope="col" class="num">p, McNemar${corrected ? ', Holm' : ''}</th><th scope="col" class="num">verdict</th></tr></thead><tbody>
${tested.map((one) => line(one, scale))}</tbody></table></div>
<p class="how">Dot and line: difference of the success rates and its 95 % interval (Newcombe’s for pairs, not corrected). Better / worse: trials that only this policy, or only the baseline, solved; the exact McNemar test looks at these alone${corrected ? html`, and Holm’s correction counts all ${first.tests} tests` : null}. Where interval and test disagree at the edge, the test decides.</p></section>`
}

/** Each way of training against the baseline's, drawn in the same way. */
export function recipeDifferences(input: ReportInput): Safe | null {
  const compared = recipes(input)
  const [first] = compared
  if (!first) return null
  const scale = axis(compared)
  return html`<section aria-labelledby="s-rd"><h2 id="s-rd">Recipes, against ${first.baseline}</h2><p>Way of training against way of training: would others, who train once more, see a difference? What training seeds change is part of the doubt.</p>
<p class="hint">Wider than this screen: scroll sideways.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="s-rd"><table class="forest"><thead><tr><th scope="col" class="first">recipe</th>${drawnHead(scale)}<th scope="col" class="num">points [95 %]</th><th scope="col" class="num">its seeds</th><th scope="col" class="num">baseline’s seeds</th><th scope="col" class="num">p, Welch${first.tests > 1 ? ', Holm' : ''}</th><th scope="col" class="num">verdict</th></tr></thead><tbody>
${compared.map((one) => recipeLine(one, scale))}</tbody></table></div>
<p class="how">Dot and line: difference of the mean success rates over training seeds and its 95 % interval (Welch’s t; not corrected). Its seeds: success of each, in per cent.</p></section>`
}

function recipeLine({ row, difference, first, second, p, verdict }: Recipe, scale: Scale): Safe {
  const seeds = (outcomes: Outcome[]) => outcomes.map(({ k, n }) => hundredths(k / n)).join(', ')
  return html`<tr><th scope="row">${row}</th>${drawn(difference, scale)}<td class="num"><b>${points(difference.value)}</b> ${pointsInterval(difference)}</td><td class="num">${seeds(first)}</td><td class="num">${seeds(second)}</td><td class="num">${pValue(p)}</td><td class="num">${verdict}</td></tr>
`
}

type Scale = ReturnType<typeof linearScale>

function axis(compared: { difference: Interval }[]): Scale {
  const ends = compared.flatMap(({ difference: { lower, upper } }) => [Math.abs(lower), Math.abs(upper)])
  const widest = Math.max(...ends) * 100
  return linearScale(-widest, widest, 4)
}

const drawnHead = (scale: Scale): Safe =>
  html`<th scope="col" class="fp"><span class="sr">difference and interval, drawn</span><div class="ax" aria-hidden="true">${scale.ticks.map((tick) => html`<span style="left:${at(tick.at)};transform:translateX(-50%)">${signed(tick.label)}</span>`)}</div></th>`

function drawn(difference: Interval & { value: number }, scale: Scale): Safe {
  const place = (share: number) => at(scale.at(share * 100))
  return html`<td class="fp"><svg width="100%" height="32" aria-hidden="true">${scale.ticks.map((tick) => html`<line class="grid" x1="${at(tick.at)}" x2="${at(tick.at)}" y1="0" y2="32"/>`)}<line class="zero" x1="${place(0)}" x2="${place(0)}" y1="0" y2="32"/><line class="wh" x1="${place(difference.lower)}" x2="${place(difference.upper)}" y1="16" y2="16"/><circle class="pt" cx="${place(difference.value)}" cy="16" r="3.5"/></svg></td>`
}

const at = (share: number) => `${(share * 100).toFixed(2)}%`
const signed = (label: string) => (/^[\u22120]/.test(label) ? label : `+${label}`)

function line({ first, difference, pairs, p, n, verdict }: Tested, scale: Scale): Safe {
  return html`<tr><th scope="row">${first}</th>${drawn(difference, scale)}<td class="num"><b>${points(difference.value)}</b> ${pointsInterval(difference)}</td><td class="num">${pairs.onlyFirst} / ${pairs.onlySecond}</td><td class="num">${n}</td><td class="num">${pValue(p)}</td><td class="num">${verdict}</td></tr>
`
}
