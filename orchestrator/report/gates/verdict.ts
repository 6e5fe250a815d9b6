import type { Gate } from '../../spec/gates/gate.ts'

export type GateOutcome = 'pass' | 'fail' | 'undecided'

/** What was measured against the bound: a value, and an interval where there is one. */
export type Estimate = { value: number; lower: number; upper: number }

/** How many more a side would decide it, if all else stays as it is: an estimate. */
export type More = { seeds: number } | { trials: number }

export type Verdict = {
  gate: string
  kind: Gate['kind']
  outcome: GateOutcome
  /** The outcome after what the file makes of undecided. */
  counts: GateOutcome
  /** First less second, or first alone; null where there is nothing to go by. */
  value: number | null
  lower: number | null
  upper: number | null
  bound: number
  /** What value and bound are: a difference of shares, a share, or a number in the metric's own unit. */
  unit: 'difference' | 'share' | 'number'
  /** Chance of a wrong answer at this look. */
  level: number
  /** Of the smaller side; null where they play no part. */
  seeds: number | null
  trials: number | null
  /** One sentence. */
  reason: string
  more: More | null
  /** How far the file lets `--until-decided` go. */
  until: Gate['until']
}

/** Pass where the whole interval is on the right side of the bound, fail where it is on the wrong side. */
export function outcomeOf(
  { lower, upper }: Estimate,
  { operator, offset }: Pick<Gate, 'operator' | 'offset'>,
): GateOutcome {
  switch (operator) {
    case '>=':
      return lower >= offset ? 'pass' : upper < offset ? 'fail' : 'undecided'
    case '>':
      return lower > offset ? 'pass' : upper <= offset ? 'fail' : 'undecided'
    case '<=':
      return upper <= offset ? 'pass' : lower > offset ? 'fail' : 'undecided'
    case '<':
      return upper < offset ? 'pass' : lower >= offset ? 'fail' : 'undecided'
  }
}
