import { type Comparison, comparisons, type Tested } from './compare.ts'
import { interval, list, measured, pEquals, percent, plural, points, pointsInterval, ratio } from './figures.ts'
import type { ReportInput } from './input.ts'
import { type Recipe, recipes } from './recipes.ts'
import type { Outcome } from './stats/welch.ts'
import { buildTable, type Row, type Table } from './table.ts'

/** What a report says in words, all of it derived from the values: nothing is claimed that wasn't measured. */
export type Findings = {
  /** One sentence with its interval. */
  headline: string
  /** The test behind it, or null where there is none. */
  test: string | null
  /** What the test is of: two trained policies, or two ways of training. */
  of: 'policy' | 'recipe'
  /** What was measured beyond the headline. */
  measured: string[]
  /** What the figures don't say. */
  caveats: string[]
}

export function findings(input: ReportInput): Findings {
  const table = buildTable(input)
  const compared = comparisons(input)
  const [way] = recipes(input)
  // What is known of recipes says more than what is known of one policy of each.
  const lead = way ? null : (compared.find((one) => one.kind === 'tested') ?? null)
  return {
    headline: way ? recipeHeadline(way) : headline(input, table, lead),
    test: way ? recipeTest(way) : lead ? testSentence(lead) : null,
    of: way ? 'recipe' : 'policy',
    measured: [
      ...(lead && lead.row === firstVariant(table) ? aboutThing(lead) : []),
      ...(way ? [] : others(compared, lead)),
      ...metricSentences(table),
    ],
    caveats: [
      ...unfinished(input),
      ...(way ? recipeCaveats(way) : []),
      ...(lead ? caveatsOf(lead) : []),
      ...sanity(table),
      ...scope(table),
      ...warned(input),
    ],
  }
}

function headline(input: ReportInput, table: Table, lead: Tested | null): string {
  if (lead) {
    const [first, second] = rates(lead)
    const shown = lead.verdict === 'no difference shown' ? `, ${lead.verdict}` : ''
    return `${lead.first} succeeds in ${ratio(first, lead.n)} trials (${percent(first / lead.n)}), ${lead.second} in ${ratio(second, lead.n)} (${percent(second / lead.n)}): ${points(lead.difference.value)} points, 95\u00a0% interval ${pointsInterval(lead.difference)}${shown}.`
  }
  const measuredRows = table.rows.flatMap((row) => (row.kind === 'cell' ? meanSentence(row) : []))
  if (measuredRows.length > 0) return `${measuredRows.slice(0, 2).join('; ')}.`
  return withoutResult(input)
}

function recipeHeadline({ row, baseline, first, second, difference, verdict }: Recipe): string {
  const shown = verdict === 'no difference shown' ? `, ${verdict}` : ''
  return `${row} succeeds in ${percent(meanRate(first))} of its trials over ${plural(first.length, 'training seed')}, ${baseline} in ${percent(meanRate(second))} over ${second.length}: ${points(difference.value)} points, 95\u00a0% interval ${pointsInterval(difference)}${shown}.`
}

const meanRate = (outcomes: Outcome[]): number => outcomes.reduce((mean, { k, n }) => mean + k / n / outcomes.length, 0)

function recipeTest({ p, tests, difference }: Recipe): string {
  const corrected = tests > 1 ? ` after Holm’s correction for ${tests} comparisons` : ''
  return `Welch’s t over training seeds, ${difference.degrees.toFixed(1)} degrees of freedom: ${pEquals(p).replaceAll(' ', '\u00a0')}${corrected}.`
}

function recipeCaveats({ first, second, difference, verdict }: Recipe): string[] {
  const few = Math.min(first.length, second.length)
  const seeds = `${plural(few, 'training seed')} a side: what other seeds would do is in the interval, as far as so few can tell.`
  const room = `No difference shown isn’t no difference: the interval leaves room for anything from ${points(difference.lower)} to ${points(difference.upper)} points.`
  return verdict === 'no difference shown' ? [seeds, room] : [seeds]
}

const rates = ({ pairs }: Tested) => [pairs.both + pairs.onlyFirst, pairs.both + pairs.onlySecond] as const

function meanSentence({ name, mean }: Row): string[] {
  if (mean.kind !== 'count') return []
  return [`${name} succeeds in ${ratio(mean.k, mean.n)} trials, ${percent(mean.k / mean.n)} ${interval(mean.interval)}`]
}

function withoutResult({ run, jobs }: ReportInput): string {
  const done = jobs.filter(({ state }) => state === 'succeeded').length
  const failed = jobs.filter(({ state }) => state === 'failed').map(({ stage }) => stage)
  switch (run.state) {
    case 'running':
      return `No result yet: ${done} of ${plural(jobs.length, 'job')} done.`
    case 'cancelled':
      return `No result: the run was cancelled with ${done} of ${plural(jobs.length, 'job')} done.`
    case 'failed':
      return `No result: ${failed.length > 0 ? `${list([...new Set(failed)])} failed` : 'the run failed'}.`
    case 'succeeded':
      return `All ${plural(jobs.length, 'job')} done; there were no trials to count.`
  }
}

function testSentence({ first, second, pairs, n, p, tests }: Tested): string {
  const corrected = tests > 1 ? ` after Holm’s correction for ${tests} comparisons` : ''
  return `Exact McNemar on ${plural(n, 'paired trial')}: ${first} alone solved ${pairs.onlyFirst}, ${second} alone ${pairs.onlySecond}; ${pEquals(p).replaceAll(' ', '\u00a0')}${corrected}.`
}

/** The whole recipe stands first; other rows leave out more than what the baseline is named after. */
const firstVariant = ({ rows }: Table) => rows.find(({ kind, baseline }) => kind === 'cell' && !baseline)?.name

/** A baseline called `no-depth-expert` names what the comparison is about: the depth expert. */
function aboutThing(lead: Tested): string[] {
  const thing = /^(?:no|without)[-_ ](.+)$/i.exec(lead.baseline)?.[1]?.replaceAll(/[-_]/g, ' ')
  if (thing === undefined) return []
  const [withIt, without] = rates(lead)
  const figures = `${ratio(withIt, lead.n)} trials solved with it, ${ratio(without, lead.n)} without`
  switch (lead.verdict) {
    case 'better':
      return [`At this size the policy does better on these trials with the ${thing}: ${figures}.`]
    case 'worse':
      return [`At this size the policy does worse on these trials with the ${thing}: ${figures}.`]
    case 'no difference shown':
      return lead.difference.value <= 0
        ? [`At this size the ${thing} doesn’t help the policy, as far as these trials can tell: ${figures}.`]
        : [`At this size the ${thing} isn’t shown to help the policy: ${figures}.`]
  }
}

/** Comparisons after the first, in a sentence by what they showed. */
function others(compared: Comparison[], lead: Tested | null): string[] {
  const rest = compared.filter((one) => one.kind === 'tested' && one !== lead) as Tested[]
  const names = (verdict: Tested['verdict']) => rest.filter((one) => one.verdict === verdict).map(({ first }) => first)
  const sentence = (verdict: Tested['verdict'], text: string) =>
    names(verdict).length > 0 ? [`${text} ${list(names(verdict))}.`] : []
  return [
    ...sentence('better', `Better than ${lead?.baseline}, too:`),
    ...sentence('worse', `Worse than ${lead?.baseline}:`),
    ...sentence('no difference shown', 'No difference is shown for'),
  ]
}

function metricSentences({ rows, metrics }: Table): string[] {
  return metrics.flatMap(({ label, about, bestConstant }, index) => {
    const each = rows.flatMap(({ name, metrics: values }) => {
      const value = values[index]
      return value?.kind === 'numbers' ? [`${name} ${value.values.map(measured).join(', ')}`] : []
    })
    if (each.length === 0) return []
    const constant = bestConstant === null ? '' : `; the best constant scores ${measured(bestConstant)}`
    return [`${label} (${about}): ${each.join('; ')}${constant}.`]
  })
}

function unfinished({ cells, run }: ReportInput): string[] {
  const named = (state: string) => cells.filter((cell) => cell.state === state).map(({ name }) => name)
  const say = (state: string, text: string) =>
    named(state).length > 0 ? [`${list(named(state))} ${named(state).length === 1 ? 'has' : 'have'} ${text}`] : []
  return [
    ...say('failed', 'failed: nothing here speaks of what would have come out.'),
    ...say('cancelled', 'been cancelled: nothing here speaks of what would have come out.'),
    ...(run.state === 'running' ? say('running', 'not finished: these figures may change.') : []),
  ]
}

function caveatsOf(lead: Tested): string[] {
  const [first, second] = rates(lead)
  const { lower, upper } = lead.difference
  const ceiling = Math.min(first, second) / lead.n >= 0.9
  const seeds =
    lead.seeds > 1
      ? 'Each test is between two trained policies of one seed: it speaks of these policies, not of the recipes.'
      : 'One training seed a side: this speaks of these policies, not of the recipes that made them.'
  if (lead.verdict !== 'no difference shown') return [seeds]
  return [
    seeds,
    `No difference shown isn’t no difference: the interval leaves room for anything from ${points(lower)} to ${points(upper)} points.`,
    ...(ceiling ? ['Both solve nearly every trial: tasks this easy can’t tell them apart.'] : []),
  ]
}

/** What workers warned of while they made these figures. */
function warned({ jobs }: ReportInput): string[] {
  return jobs.flatMap(({ stage, warnings }) => warnings.slice(-2).map((text) => `${stage} warned: ${text}`)).slice(0, 6)
}

function sanity({ rows }: Table): string[] {
  return rows.flatMap(({ kind, name, mean }) => {
    if (kind !== 'sanity' || mean.kind !== 'count') return []
    if (name.startsWith('untrained') && mean.k > 0) {
      return [`The untrained policy (${name}) solves ${ratio(mean.k, mean.n)}: that much takes no training.`]
    }
    if (name.startsWith('expert') && mean.k < mean.n) {
      return [`The expert itself solves ${ratio(mean.k, mean.n)}: not every trial may be solvable.`]
    }
    return []
  })
}

function scope({ columns, rows }: Table): string[] {
  const counts = rows.some(({ values }) => values.some((value) => value.kind === 'count'))
  return counts
    ? [`${plural(columns.length, 'task').replace(' ', '\u00a0')}, chosen, not sampled: nothing follows for others.`]
    : []
}
