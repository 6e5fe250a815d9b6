import type { Gate } from '../../spec/gates/gate.ts'
import { plural } from '../figures.ts'
import { mcnemar } from '../stats/mcnemar.ts'
import { pairedDifference } from '../stats/paired-difference.ts'
import { normalCritical } from '../stats/sequential.ts'
import { wilson } from '../stats/wilson.ts'
import { differenceOf, pair, sameTrials } from '../trials.ts'
import { type Found, undecided } from './judge.ts'
import { trialsNeeded } from './power.ts'
import type { Side } from './side.ts'
import { type Estimate, outcomeOf } from './verdict.ts'

type Counts = Extract<Side, { kind: 'counts' }>

/** One trained policy against another on the same trials, or against a bound. */
export function judgePolicy(gate: Gate, first: Counts, second: Counts | null): Found {
  for (const { name, outcomes } of second ? [first, second] : [first])
    if (outcomes.length > 1) return undecided(`${name} is ${outcomes.length} policies: name a cell, such as ${name},0`)
  return second ? against(gate, first, second) : alone(gate, first)
}

function alone(gate: Gate, { outcomes: [outcome] }: Counts): Found {
  const { k, n } = outcome ?? { k: 0, n: 0 }
  return ofTrials(gate, { value: k / n, ...wilson(k, n, normalCritical(gate.level)) }, n, plural(n, 'trial'))
}

function against(gate: Gate, first: Counts, second: Counts): Found {
  const [a, b] = [first.sets[0], second.sets[0]]
  if (!a || !b) return undecided('it left no records of single trials, and only the same trials can be compared')
  if (!sameTrials(a, b)) return undecided(differenceOf(a, b, first.name, second.name))
  const pairs = pair(a, b)
  const found = pairedDifference(pairs, normalCritical(gate.level))
  const shown = mcnemar(pairs.onlyFirst, pairs.onlySecond) < gate.level
  return ofTrials(gate, found, a.size, plural(a.size, 'paired trial'), gate.offset !== 0 || shown)
}

/** `agreed`: where there is no margin, the exact test must agree with the interval before the two count as different. */
function ofTrials(gate: Gate, found: Estimate, trials: number, over: string, agreed = true): Found {
  const { value, lower, upper } = found
  const outcome = outcomeOf(found, gate)
  const estimate = { value, lower, upper, seeds: null, trials }
  if (outcome !== 'undecided' && agreed) return { ...estimate, outcome, reason: `over ${over}`, more: null }
  const needed = trialsNeeded(found, gate.offset, trials)
  const reason =
    outcome === 'undecided'
      ? `the interval over ${over} holds the bound`
      : `exact McNemar over ${over} shows no difference`
  return undecided(reason, { ...estimate, more: needed === null ? null : { trials: needed - trials } })
}
