import type { PlaceOf } from '../layers.ts'
import type { Cell, Json, Place, ReportSpec } from '../pipeline.ts'
import type { Report } from '../problems.ts'
import { onCommandLine } from '../settings.ts'
import { isMap } from '../show.ts'
import { suggest } from '../suggest.ts'
import type { Gate, Term, Undecided, Until } from './gate.ts'
import { type ParsedGate, parseGate } from './parse-gate.ts'
import { rowName } from './row-name.ts'
import { GateProblem } from './tokens.ts'

/** What gates may speak of. */
export type Rows = { cells: readonly Pick<Cell, 'name' | 'values'>[]; spec: ReportSpec }

/** `gates:` of the file and `--gate` of the command line, checked against the rows of the table. */
export function readGates(value: Json, given: readonly string[], rows: Rows, place: PlaceOf, report: Report): Gate[] {
  const items = Array.isArray(value) ? value : []
  return [
    ...items.flatMap((item, index) => {
      const { gate, undecided, until } = isMap(item) ? item : { gate: item }
      const path = isMap(item) ? ['gates', index, 'gate'] : ['gates', index]
      const found = readGate(gate, rows, place(path), report)
      return found === null ? [] : [{ ...found, undecided: readUndecided(undecided), until: readUntil(until) }]
    }),
    ...given.flatMap((text) => {
      const found = readGate(text, rows, onCommandLine(`--gate '${text}'`), report)
      return found === null ? [] : [withDefaults(found)]
    }),
  ]
}

export const withDefaults = (gate: ParsedGate): Gate => ({ ...gate, undecided: 'undecided', until: null })

function readGate(text: Json | undefined, rows: Rows, place: Place, report: Report): ParsedGate | null {
  if (typeof text !== 'string') return null // the shape has told
  try {
    return named(parseGate(text), rows)
  } catch (error) {
    if (!(error instanceof GateProblem)) throw error
    report(place, `gate, at character ${error.at}: ${error.message}`)
    return null
  }
}

/** Rows by their own names: `baseline` is the report's, unless a row is called so. @throws GateProblem */
export function named(gate: ParsedGate, { cells, spec }: Rows): ParsedGate {
  const known = new Set(cells.flatMap((cell) => [rowName(cell, spec.rows), cell.name]))
  const named = (term: Term): Term => {
    const isBaseline = term.variant === 'baseline' && !known.has('baseline') && spec.baseline !== null
    const variant = isBaseline ? String(spec.baseline) : term.variant
    const at = gate.text.indexOf(`(${term.variant}`) + 2
    if (!known.has(variant)) throw new GateProblem(at, `no row or cell '${variant}'${suggest(variant, known)}`)
    const own = cells.filter((cell) => rowName(cell, spec.rows) === variant)
    if (gate.kind === 'policy' && own.length > 1)
      throw new GateProblem(
        at,
        `'${variant}' is ${own.length} policies, expected one: name a cell such as '${own[0]?.name}'`,
      )
    return { ...term, variant }
  }
  return { ...gate, first: named(gate.first), second: gate.second === null ? null : named(gate.second) }
}

const readUndecided = (value: Json | undefined): Undecided =>
  value === 'pass' || value === 'fail' ? value : 'undecided'

function readUntil(value: Json | undefined): Until | null {
  if (!isMap(value)) return null
  if (typeof value.seeds === 'number') return { seeds: value.seeds }
  return typeof value.trials === 'number' ? { trials: value.trials } : null
}
