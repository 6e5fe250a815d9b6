export { formatSize as bytes } from '../../spec/units.ts'

/** `just now`, `12 min ago`, `3 h ago`, `5 days ago`; the date after two weeks. */
export function ago(then: number, now: number): string {
  const minutes = Math.floor((now - then) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`
  const days = Math.floor(minutes / 1440)
  return days <= 14 ? `${days} days ago` : new Date(then).toISOString().slice(0, 10)
}

const ticks = '▁▂▃▄▅▆▇█'

/** The values as a row of bars, thinned to at most `columns` by means. */
export function sparkline(values: number[], columns: number): string {
  const finite = values.filter(Number.isFinite)
  if (finite.length < 2) return ''
  const bins = Math.min(columns, finite.length)
  const means = Array.from({ length: bins }, (_, bin) => {
    const part = finite.slice(Math.floor((bin * finite.length) / bins), Math.floor(((bin + 1) * finite.length) / bins))
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
  const low = Math.min(...means)
  const range = Math.max(...means) - low
  return means.map((mean) => ticks[range === 0 ? 0 : Math.round(((mean - low) / range) * (ticks.length - 1))]).join('')
}

/** A bar with half-character resolution: what is done, then what is left. */
export function bar(share: number, columns: number): { done: string; left: string } {
  const halves = Math.round(Math.min(1, Math.max(0, share)) * columns * 2)
  const done = '━'.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? '╸' : '')
  return { done, left: '─'.repeat(columns - done.length) }
}
