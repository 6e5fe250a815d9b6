import pc from 'picocolors'
import stringWidth from 'string-width'

export type Style = 'raw' | 'plain' | 'dim' | 'bold' | 'good' | 'bad' | 'busy'
export type Span = { text: string; style: Style }
/** One row of a screen, before it knows how wide the screen is and whether it has colours. */
export type Line = Span[]

export const span = (text: string, style: Style = 'plain'): Span => ({ text, style })

/** Text that is fit for the terminal already, colours and all. */
export const raw = (text: string): Span => ({ text, style: 'raw' })

export const width = (text: string): number => stringWidth(text)

export const padEnd = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - width(text)))
export const padStart = (text: string, columns: number): string => ' '.repeat(Math.max(0, columns - width(text))) + text

/** Cuts at the end, with an ellipsis, so that `text` takes at most so many columns; never inside a character. */
export function truncate(text: string, columns: number): string {
  if (width(text) <= columns) return text
  if (columns < 1) return ''
  let kept = ''
  let used = 1 // the ellipsis
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += width(segment)
    if (used > columns) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

/** The line as text: cut rather than wrapped, coloured only when asked to. */
export function paint(line: Line, columns: number, colours: boolean): string {
  const painters = paintersFor(colours)
  let left = columns
  let text = ''
  for (const { text: whole, style } of line) {
    if (left < 1) break
    if (style === 'raw') {
      text += whole
      left -= width(whole)
      continue
    }
    // A worker's words reach the terminal: control characters must not.
    const part = truncate(printable(whole), left)
    left -= width(part)
    text += painters[style](part)
    if (part.endsWith('…') && !whole.endsWith('…')) break
  }
  return colours ? text : text.trimEnd()
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
export const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')

function paintersFor(colours: boolean): Record<Style, (text: string) => string> {
  const c = pc.createColors(colours)
  return {
    raw: (text) => text,
    plain: (text) => text,
    dim: c.dim,
    bold: c.bold,
    good: c.green,
    bad: c.red,
    busy: c.cyan,
  }
}
