/** What one side of a gate measures: a metric of a row of the table, or of one cell. */
export type Term = { metric: string; variant: string }

export type Operator = '>=' | '>' | '<=' | '<'

/** `recipe`: two ways of training, over their seeds. `policy`: two trained checkpoints, over their trials. */
export type GateKind = 'recipe' | 'policy'

/** What undecided counts as, and ends the command with. */
export type Undecided = 'pass' | 'fail' | 'undecided'

/** A question that a run answers: `first operator second + offset`, shown at a level. */
export type Gate = {
  /** As it was written. */
  text: string
  kind: GateKind
  first: Term
  operator: Operator
  /** Null: `offset` alone is the bound. */
  second: Term | null
  /** Shares of one, seconds, or the metric's own unit. */
  offset: number
  /** Chance of a wrong answer, 0.05 for `at 95%`. */
  level: number
  undecided: Undecided
  until: Until | null
}

/** How far `--until-decided` may go. */
export type Until = { seeds: number } | { trials: number }
