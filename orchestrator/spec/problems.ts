import type { Place, Problem } from './pipeline.ts'

export type Report = (place: Place, message: string) => void

/** Collects problems: each once, however many cells run into it. */
export class Problems {
  readonly #seen = new Map<string, Problem>()

  add(place: Place, message: string): void {
    const key = `${place.file}\0${place.line}\0${place.column}\0${message}`
    if (!this.#seen.has(key)) this.#seen.set(key, { ...place, message })
  }

  get size(): number {
    return this.#seen.size
  }

  /** In the order in which somebody mends them: from the top of the file, then what the command line set. */
  sorted(): Problem[] {
    return [...this.#seen.values()].sort(
      (a, b) => Number(a.line === 0) - Number(b.line === 0) || a.line - b.line || a.column - b.column,
    )
  }
}

const shownAtMost = 50

/** `jobs/mine.yaml:14:12`; what stands on the command line has no line. */
export const showPlace = ({ file, line, column }: Place): string => (line === 0 ? file : `${file}:${line}:${column}`)

/** All problems of a file for a terminal, their messages under one another. */
export function formatProblems(problems: readonly Problem[]): string {
  const shown = problems.slice(0, shownAtMost)
  const width = shown.reduce((most, problem) => Math.max(most, showPlace(problem).length), 0)
  const lines = shown.map((problem) => `${showPlace(problem).padEnd(width)}  ${problem.message}`)
  if (problems.length > shown.length) lines.push(`… and ${problems.length - shown.length} more`)
  return [...lines, `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}, nothing was started.`].join(
    '\n',
  )
}
