import { distance } from 'fastest-levenshtein'

/** A guess isn't worth comparing with thousands of names. */
const guessedFrom = 300

/** `; did you mean 'train'?` where a known name is close, else `; there is a, b and c`, else nothing. */
export function suggest(found: string, known: Iterable<string>): string {
  const names = [...known]
  const close = closest(found, names.slice(0, guessedFrom))
  if (close !== null) return `; did you mean '${close}'?`
  if (names.length === 0) return ''
  const shown = names.slice(0, 8)
  const rest = names.length - shown.length
  return `; known: ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function closest(found: string, names: string[]): string | null {
  const short = found.slice(0, 100)
  // A third of the letters may be wrong: beyond that a guess is more confusing than a list.
  let best = Math.max(2, Math.floor(short.length / 3)) + 1
  let name: string | null = null
  for (const candidate of names) {
    const away = distance(short.toLowerCase(), candidate.toLowerCase())
    if (away < best && away < candidate.length) [best, name] = [away, candidate]
  }
  return name
}
