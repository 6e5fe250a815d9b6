import { type Line, paint } from './view/line.ts'
import { isColourful, sizeOf } from './view/terminal.ts'

/** Lines for people: cut to the terminal, whole in a pipe. */
export function printLines(lines: Line[], out: NodeJS.WriteStream = process.stdout): void {
  const { columns } = sizeOf(out)
  const colours = isColourful(out)
  out.write(lines.map((line) => `${paint(line, columns, colours)}\n`).join(''))
}

/** The same, but nothing is cut: for what must not be lost. */
export function printWhole(lines: Line[], out: NodeJS.WriteStream = process.stdout): void {
  const colours = isColourful(out)
  out.write(lines.map((line) => `${paint(line, Number.POSITIVE_INFINITY, colours)}\n`).join(''))
}

/** The one JSON document of a command that was asked for it. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
