import type { WriteStream } from 'node:tty'

type Stream = NodeJS.WriteStream | WriteStream

/** Colour only on a terminal, and not when the user said no (https://no-color.org). */
export function isColourful(stream: Stream): boolean {
  const { NO_COLOR, TERM } = process.env
  return stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}

/** Columns and rows of the terminal; in a pipe lines are as long as they are. */
export function sizeOf(stream: Stream): { columns: number; rows: number } {
  if (stream.isTTY !== true) return { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY }
  return { columns: stream.columns || 80, rows: stream.rows || 24 }
}
