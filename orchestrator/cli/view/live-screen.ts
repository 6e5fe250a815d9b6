import { width } from './line.ts'
import { isColourful, sizeOf } from './terminal.ts'

type Draw = (screen: { columns: number; rows: number; colours: boolean }) => string[]

export type LiveScreen = {
  /** Draws anew, now or as soon as 200 ms have passed since the last time. */
  draw: (draw: Draw) => void
  /** Prints lines above what is redrawn: they stay. */
  above: (lines: string[]) => void
  /** Draws for the last time and gives the cursor back. */
  end: () => void
}

const pauseMs = 200
const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'

/** A part of the terminal that is redrawn in place, at most five times a second; the cursor comes back however the process ends. */
export function liveScreen(stream: NodeJS.WriteStream): LiveScreen {
  let latest: Draw = () => []
  let shown: string[] = []
  let timer: NodeJS.Timeout | null = null
  let lastDrawn = 0

  const up = () => {
    // A terminal that became narrower has wrapped what was there: count its rows as they are now.
    const { columns } = sizeOf(stream)
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0)
    return rows === 0 ? '' : `\r\u001b[${rows}A`
  }
  const redraw = (above: string[] = []) => {
    timer = null
    lastDrawn = performance.now()
    const { columns, rows } = sizeOf(stream)
    // The last row stays free for the cursor, so that nothing scrolls.
    const next = latest({ columns, rows: rows - 1, colours: isColourful(stream) })
    const text = [...above, ...next].map((line) => `${line}\u001b[K\n`).join('')
    stream.write(`${hideCursor}${up()}${text}\u001b[J`)
    shown = next
  }
  const soon = () => {
    timer ??= setTimeout(redraw, Math.max(0, pauseMs - (performance.now() - lastDrawn)))
  }
  const restore = () => stream.write(showCursor)
  process.once('exit', restore)
  stream.on('resize', soon)

  return {
    draw: (draw) => {
      latest = draw
      soon()
    },
    above: (lines) => redraw(lines),
    end: () => {
      if (timer !== null) clearTimeout(timer)
      redraw()
      stream.off('resize', soon)
      process.off('exit', restore)
      restore()
    },
  }
}
