import { plural } from './figures.ts'
import type { ReportCell, ReportInput, RunState } from './input.ts'
import { cellsOfOtherCode, cellsOfOtherSettings, type OddCells } from './odd-cells.ts'
import { sameTrials, type TrialSet, trialSet } from './trials.ts'

export type Merged = {
  input: ReportInput
  /** Why its rows may not be averaged; empty where they may. */
  problems: string[]
}

/** Several runs of one matrix as one report: of each cell the latest that finished counts, else the latest. */
export function mergeRuns(inputs: [ReportInput, ...ReportInput[]]): Merged {
  const ordered = inputs.toSorted((a, b) => a.run.createdAt - b.run.createdAt)
  const newest = ordered.at(-1) as ReportInput
  const chosen = new Map<string, { cell: ReportCell; from: ReportInput }>()
  for (const from of ordered)
    for (const cell of from.cells) {
      const before = chosen.get(cell.name)
      if (before?.cell.state !== 'succeeded' || cell.state === 'succeeded') chosen.set(cell.name, { cell, from })
    }
  const cells = [...chosen.values()].map(({ cell, from }) => ({ ...cell, run: from.run.id }))
  const wanted = new Map<string, string[]>()
  for (const cell of cells)
    for (const key of Object.values(cell.jobs)) wanted.set(key, [...(wanted.get(key) ?? []), cell.name])
  const cellsOf = (key: string) => wanted.get(key) ?? []
  // What two runs share is told by the older one, which computed it.
  const jobs = new Map(ordered.toReversed().flatMap((one) => one.jobs.map((job) => [job.key, job] as const)))
  const curves = new Map(ordered.flatMap((one) => one.curves.map((curve) => [curve.job, curve] as const)))
  const samples = new Map(ordered.flatMap((one) => one.samples.map((own) => [`${own.job} ${own.name}`, own] as const)))
  const input: ReportInput = {
    ...newest,
    run: factsOf(ordered, cells),
    cells,
    jobs: [...jobs.values()].filter(({ key }) => wanted.has(key)).map((job) => ({ ...job, cells: cellsOf(job.key) })),
    trials: Object.fromEntries(
      [...chosen].flatMap(([name, { from }]) => (from.trials[name] ? [[name, from.trials[name]]] : [])),
    ),
    curves: [...curves.values()].filter(({ job }) => wanted.has(job)),
    samples: [...samples.values()]
      .filter(({ job }) => wanted.has(job))
      .map((own) => ({ ...own, cells: cellsOf(own.job) })),
    goodput: null,
  }
  const code = cellsOfOtherCode(input)
  const marked = apart(input, code, 'other code')
  const settings = cellsOfOtherSettings(marked)
  return {
    input: apart(marked, settings, 'other settings'),
    problems: [
      ...cells.filter(({ state }) => state !== 'succeeded').map(({ name, run, state }) => `${name} ${state} in ${run}`),
      ...[...code].map(([name, stages]) => `${name} ran other code than the other cells in ${stages.join(', ')}`),
      ...[...settings].map(
        ([name, stages]) =>
          `${name} ran with other settings than the other seeds of its recipe in ${stages.join(', ')}`,
      ),
      ...unequalTrials(input),
    ],
  }
}

function factsOf(ordered: ReportInput[], cells: ReportCell[]): ReportInput['run'] {
  const facts = ordered.map(({ run }) => run)
  const newest = facts.at(-1) as ReportInput['run']
  const same = (values: (string | null)[]) => (new Set(values).size === 1 ? (values[0] ?? null) : null)
  const ends = facts.flatMap(({ endedAt }) => endedAt ?? [])
  const states = cells.map(({ state }) => state)
  return {
    ...newest,
    id: facts.map(({ id }) => id).join(' + '),
    state:
      (['running', 'failed', 'cancelled'] as const).find((state: RunState) => states.includes(state)) ?? 'succeeded',
    commit: same(facts.map(({ commit }) => commit)),
    code: same(facts.map(({ code }) => code)),
    lock: same(facts.map(({ lock }) => lock)),
    pool: same(facts.map(({ pool }) => pool)),
    dirty: facts.some(({ dirty }) => dirty),
    createdAt: Math.min(...facts.map(({ createdAt }) => createdAt)),
    endedAt: ends.length < facts.length ? null : Math.max(...ends),
  }
}

/** Cells that don't belong to their row under names that say why: in rows of their own, nothing is averaged over both. */
function apart(input: ReportInput, odd: OddCells, why: string): ReportInput {
  const renamed = (name: string) => (odd.has(name) ? `${name} (${why})` : name)
  const axis = input.spec.rows
  return {
    ...input,
    cells: input.cells.map((cell) => {
      if (!odd.has(cell.name)) return cell
      const own = axis === null ? {} : { [axis]: `${cell.values[axis] ?? cell.name} (${why})` }
      return { ...cell, name: renamed(cell.name), values: { ...cell.values, ...own } }
    }),
    jobs: input.jobs.map((job) => ({ ...job, cells: job.cells.map(renamed) })),
    samples: input.samples.map((sample) => ({ ...sample, cells: sample.cells.map(renamed) })),
    trials: Object.fromEntries(Object.entries(input.trials).map(([name, trials]) => [renamed(name), trials])),
  }
}

function unequalTrials(input: ReportInput): string[] {
  const sets = input.cells
    .map(({ name }) => ({ name, set: trialSet(input, name, 'trained') }))
    .filter((one): one is { name: string; set: TrialSet } => one.set !== null && one.set.size > 0)
  const [first] = sets.toSorted((a, b) => b.set.size - a.set.size)
  if (!first) return []
  return sets
    .filter(({ set }) => !sameTrials(set, first.set))
    .map(
      ({ name, set }) =>
        `${name} stood before other trials than ${first.name} (${plural(set.size, 'trial')}, ${first.set.size})`,
    )
}

/** Which run each cell of a row comes from, `full,0 from r-7k2p4`; nothing in the report of one run. */
export function originNotes(cells: ReportCell[]): string[] {
  return cells.flatMap(({ name, run }) => (run === undefined ? [] : [`${name} from ${run}`]))
}
