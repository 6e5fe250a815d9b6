import { verdicts } from '../gates/judge.ts'
import { gatesSummary, measuredWords, outcomeWords, whyWords } from '../gates/sentences.ts'
import type { GateOutcome } from '../gates/verdict.ts'
import type { ReportInput } from '../input.ts'
import { html, type Safe } from './escape.ts'
import { mark } from './marks.ts'

const marks = { pass: 'done', fail: 'failed', undecided: 'pending' } as const satisfies Record<GateOutcome, string>

/** What the run was asked to show, and whether it does. */
export function gates(input: ReportInput): Safe | null {
  const found = verdicts(input)
  if (found.length === 0) return null
  return html`<section aria-labelledby="s-g"><h2 id="s-g">Gates</h2><p>${gatesSummary(found)}. Undecided: the interval holds the bound.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="s-g"><table><thead><tr><th scope="col" class="first">gate</th><th scope="col">outcome</th><th scope="col" class="num">measured</th><th scope="col" class="first">why</th></tr></thead><tbody>
${found.map(
  (verdict) =>
    html`<tr><th scope="row">${verdict.gate}</th><td><span class="state is-${marks[verdict.counts]}">${mark(marks[verdict.counts])}${outcomeWords(verdict)}</span></td><td class="num">${measuredWords(verdict).join('')}</td><td>${whyWords(verdict)}</td></tr>
`,
)}</tbody></table></div></section>`
}
