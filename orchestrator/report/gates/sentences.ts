import { list, measured, percent, plural, points, pointsInterval } from '../figures.ts'
import type { ReportInput } from '../input.ts'
import { verdicts } from './judge.ts'
import type { GateOutcome, Verdict } from './verdict.ts'

const words: Record<GateOutcome, string> = { pass: 'passes', fail: 'fails', undecided: 'is undecided' }

/** The gates in sentences, for where there is no room for a table. */
export const gateSentences = (input: ReportInput): string[] => verdicts(input).map(gateSentence)

/** `recipe success(full) >= 0.9: passes, 93.1 % [91.0, 95.2] over 5 training seeds` */
export function gateSentence(verdict: Verdict): string {
  const { gate, kind } = verdict
  const named = gate.startsWith(kind) ? gate : `${kind} ${gate}`
  return `${named}: ${outcomeWords(verdict)}, ${[...measuredWords(verdict), whyWords(verdict)].join(' ')}`
}

/** `is undecided (counts as pass)` */
export function outcomeWords({ outcome, counts }: Verdict): string {
  return words[outcome] + (counts === outcome ? '' : ` (counts as ${counts})`)
}

/** What was measured against the bound, with its interval: none, or one phrase. */
export function measuredWords({ value, lower, upper, unit }: Verdict): string[] {
  if (value === null) return []
  const interval = lower === null || upper === null ? null : { lower, upper }
  switch (unit) {
    case 'difference':
      return [`${points(value)} points${interval ? ` ${pointsInterval(interval)}` : ''}`]
    case 'share':
      return [percent(value) + (interval ? ` [${percent(interval.lower)}, ${percent(interval.upper)}]` : '')]
    case 'number':
      return [measured(value) + (interval ? ` [${measured(interval.lower)}, ${measured(interval.upper)}]` : '')]
  }
}

/** The reason, and what would decide it. */
export const whyWords = (verdict: Verdict): string => verdict.reason + moreWords(verdict)

function moreWords({ outcome, more, value }: Verdict): string {
  if (outcome !== 'undecided') return ''
  if (more === null) return value === null ? '' : '; no number in reach is likely to decide it (an estimate)'
  if (value === null && 'seeds' in more) return `; it needs ${plural(more.seeds, 'seed')} more a side`
  const what = 'seeds' in more ? plural(more.seeds, 'seed') : plural(more.trials, 'trial')
  return `; about ${what} more a side would decide it (an estimate)`
}

/** `1 gate passes, 2 are undecided`; empty without gates. */
export function gatesSummary(found: readonly Pick<Verdict, 'counts'>[]): string {
  const count = (outcome: GateOutcome) => found.filter(({ counts }) => counts === outcome).length
  const parts = (['pass', 'fail', 'undecided'] as const).flatMap((outcome) =>
    count(outcome) === 0 ? [] : [`${count(outcome)} ${outcome}`],
  )
  return found.length === 0 ? '' : `${plural(found.length, 'gate')}: ${list(parts)}`
}
