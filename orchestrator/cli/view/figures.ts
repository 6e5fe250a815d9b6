import { count } from '../../report/figures.ts'

/** `just now`, `12 min ago`, `3 h ago`, `5 days ago`; the date after two weeks. */
export function ago(then: number, now: number): string {
  const minutes = Math.floor((now - then) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`
  const days = Math.floor(minutes / 1440)
  return days <= 14 ? `${days} days ago` : new Date(then).toISOString().slice(0, 10)
}

/** Binary sizes: `412 B`, `7.2 MiB`. */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10))
  const value = size / 1024 ** power
  return `${power === 0 || value >= 100 ? count(value) : value.toFixed(1)} ${units[power]}`
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
