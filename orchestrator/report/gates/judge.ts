import type { Gate } from '../../spec/gates/gate.ts'
import { plural } from '../figures.ts'
import type { ReportInput } from '../input.ts'
import { SEEDS } from '../recipes.ts'
import { levelAt } from '../stats/sequential.ts'
import { meanDifference, meanOfNumbers, meanRate } from '../stats/welch.ts'
import { sameTrials, type TrialSet } from '../trials.ts'
import { judgePolicy } from './policy.ts'
import { seedsNeeded } from './power.ts'
import { type Side, sideOf } from './side.ts'
import { outcomeOf, type Verdict } from './verdict.ts'

/** What a judge finds; what is the same for all verdicts is added to it. */
export type Found = Omit<Verdict, 'gate' | 'kind' | 'counts' | 'bound' | 'level' | 'unit' | 'until'>

type Counts = Extract<Side, { kind: 'counts' }>
type Numbers = Extract<Side, { kind: 'numbers' }>

/** The verdicts of a run's gates, in their order. */
export const verdicts = (input: ReportInput): Verdict[] => input.gates.map((gate) => verdictOf(input, gate))

export function verdictOf(input: ReportInput, gate: Gate): Verdict {
  const level = input.look === null ? gate.level : levelAt(input.look, gate.level)
  const found = judge(input, { ...gate, level })
  const counts = found.outcome === 'undecided' ? gate.undecided : found.outcome
  const { text, kind, until } = gate
  return { gate: text, kind, until, counts, bound: gate.offset, unit: unitOf(input, gate), level, ...found }
}

function unitOf(input: ReportInput, { first, second }: Gate): Verdict['unit'] {
  if (sideOf(input, first).kind === 'numbers') return 'number'
  return second === null ? 'share' : 'difference'
}

function judge(input: ReportInput, gate: Gate): Found {
  const first = sideOf(input, gate.first)
  const second = gate.second === null ? null : sideOf(input, gate.second)
  if (first.kind === 'missing') return undecided(first.reason)
  if (second?.kind === 'missing') return undecided(second.reason)
  if (first.kind === 'numbers') return second?.kind === 'counts' ? mixed(gate) : judgeNumbers(gate, first, second)
  if (second?.kind === 'numbers') return mixed(gate)
  return gate.kind === 'policy' ? judgePolicy(gate, first, second) : judgeRecipe(gate, first, second)
}

export function undecided(reason: string, rest: Partial<Found> = {}): Found {
  const nothing = { value: null, lower: null, upper: null, seeds: null, trials: null, more: null }
  return { outcome: 'undecided', ...nothing, reason, ...rest }
}

const mixed = ({ first }: Gate): Found => undecided(`${first.metric} is a count on one side and a number on the other`)

function judgeRecipe(gate: Gate, first: Counts, second: Counts | null): Found {
  const sides = second === null ? [first] : [first, second]
  const seeds = Math.min(...sides.map(({ outcomes }) => outcomes.length))
  const few = sides.filter(({ outcomes }) => outcomes.length < SEEDS)
  if (few.length > 0) {
    const have = few.map(({ name, outcomes }) => `${name} has ${outcomes.length}`).join(', ')
    const reason = `a recipe is judged by ${SEEDS} training seeds a side or more: ${have}`
    return undecided(reason, { seeds, more: { seeds: SEEDS - seeds } })
  }
  const sets = sides.flatMap((side) => side.sets).filter((set): set is TrialSet => set !== null)
  const [reference] = sets
  if (reference && !sets.every((set) => sameTrials(set, reference)))
    return undecided('not all of its cells stood before the same trials', { seeds })
  const found = second
    ? meanDifference(first.outcomes, second.outcomes, gate.level)
    : meanRate(first.outcomes, gate.level)
  return ofSeeds(gate, found, seeds)
}

/** Numbers have no trials: one of each side is compared as it is, several are means over seeds. */
function judgeNumbers(gate: Gate, first: Numbers, second: Numbers | null): Found {
  const counts = [first, ...(second ? [second] : [])].map(({ values }) => values.length)
  const seeds = Math.min(...counts)
  if (Math.max(...counts) === 1) {
    const value = (first.values[0] as number) - (second?.values[0] ?? 0)
    const outcome = outcomeOf({ value, lower: value, upper: value }, gate)
    return {
      outcome,
      value,
      lower: null,
      upper: null,
      seeds,
      trials: null,
      reason: 'one value, no interval',
      more: null,
    }
  }
  if (seeds < 2)
    return undecided(`one side has several seeds, the other ${seeds}: expected 2 a side`, { seeds, more: { seeds: 1 } })
  return ofSeeds(gate, meanOfNumbers(first.values, second?.values ?? null, gate.level), seeds)
}

function ofSeeds(gate: Gate, found: ReturnType<typeof meanRate>, seeds: number): Found {
  const { value, lower, upper, degrees } = found
  const outcome = outcomeOf(found, gate)
  const over = gate.second === null ? plural(seeds, 'training seed') : `${plural(seeds, 'training seed')} a side`
  const estimate = { value, lower, upper, seeds, trials: null }
  if (outcome !== 'undecided') return { ...estimate, outcome, reason: `over ${over}`, more: null }
  const needed = seedsNeeded(found, gate.offset, seeds, degrees, gate.level)
  const more = needed === null ? null : { seeds: needed - seeds }
  return undecided(`the interval over ${over} holds the bound`, { ...estimate, more })
}
