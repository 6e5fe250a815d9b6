import { isSeed, rowName } from '../spec/gates/row-name.ts'
import type { ReportCell, ReportInput, ReportJob } from './input.ts'

/** Cell -> the stages in which it isn't what most cells beside it are. */
export type OddCells = Map<string, string[]>

/** What one cell ran in one stage, and what it is held against: all that has the same `place`. */
type Ran = { cell: string; stage: string; place: string; what: string }

/** Cells with a stage whose code isn't what most cells ran there. */
export function cellsOfOtherCode(input: ReportInput): OddCells {
  return odd(ranBy(input, (_, stage, job) => ({ place: `${stage} ${job.entry}`, what: job.code })))
}

/** Seeds of one recipe with a stage whose settings differ in more than the seed: a mean over them is of no recipe. */
export function cellsOfOtherSettings(input: ReportInput): OddCells {
  const { rows } = input.spec
  return odd(
    ranBy(input, (cell, stage, { config }) => ({
      place: JSON.stringify([rowName(cell, rows), stage]),
      what: JSON.stringify(withoutSeeds(config)),
    })),
  )
}

function ranBy(
  { cells, jobs }: ReportInput,
  describe: (cell: ReportCell, stage: string, job: ReportJob) => { place: string; what: string },
): Ran[] {
  const byKey = new Map(jobs.map((job) => [job.key, job]))
  return cells.flatMap((cell) =>
    Object.entries(cell.jobs).flatMap(([stage, key]) => {
      const job = byKey.get(key)
      return job ? [{ cell: cell.name, stage, ...describe(cell, stage, job) }] : []
    }),
  )
}

/** At a tie the later of them is the usual one. */
function odd(ran: Ran[]): OddCells {
  const times = new Map<string, Map<string, number>>()
  for (const { place, what } of ran) {
    const seen = times.get(place) ?? new Map<string, number>()
    times.set(place, seen.set(what, (seen.get(what) ?? 0) + 1))
  }
  const usual = new Map([...times].map(([place, seen]) => [place, [...seen].sort(([, a], [, b]) => a - b).at(-1)?.[0]]))
  const found: OddCells = new Map()
  for (const { cell, stage, place, what } of ran)
    if (what !== usual.get(place)) found.set(cell, [...(found.get(cell) ?? []), stage])
  return found
}

/** Settings without seeds, however deep these are, in an order that doesn't depend on how they were written down. */
function withoutSeeds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSeeds)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([name]) => !isSeed(name))
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, own]) => [name, withoutSeeds(own)]),
  )
}
