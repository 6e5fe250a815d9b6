/** Units of the pipeline file. Patterns are strings so that the JSON Schema for editors carries the same ones. */

export const durationPattern = /^\d+(\.\d+)?(ms|s|m|h|d)$/
/** A duration, or `off`. */
export const hangPattern = /^(off|\d+(\.\d+)?(ms|s|m|h|d))$/
const seconds: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }

/** `90s`, `30m`, `24h` in seconds; null where it is no duration. */
export function parseDuration(text: string): number | null {
  return parse(text, durationPattern, seconds)
}

/** The same in milliseconds, of which there may also be none: `0s`. */
export function parseAge(text: string): number | null {
  const found = /^0+(ms|s|m|h|d)$/.test(text) ? 0 : parseDuration(text)
  return found === null ? null : found * 1000
}

export const sizePattern = /^\d+(\.\d+)?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$/
const bytes: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** `400GiB` in bytes, rounded down; null where it is no size. */
export function parseSize(text: string): number | null {
  const size = parse(text, sizePattern, bytes)
  return size === null ? null : Math.floor(size)
}

/** Binary: `412 B`, `7.2 MiB`. */
export function formatSize(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10))
  const value = size / 1024 ** power
  const rounded = value.toLocaleString('en-US', { maximumFractionDigits: 0 })
  return `${power === 0 || value >= 100 ? rounded : value.toFixed(1)} ${units[power]}`
}

export const stepsPattern = /^[1-9]\d{0,14} steps?$/

/** `100 steps` as 100; null where it is no number of steps. */
export function parseSteps(text: string): number | null {
  return stepsPattern.test(text) ? Number.parseInt(text, 10) : null
}

function parse(text: string, pattern: RegExp, factors: Record<string, number>): number | null {
  if (!pattern.test(text)) return null
  const unit = text.replace(/^[\d.]+/, '')
  const value = Number.parseFloat(text) * (factors[unit] ?? Number.NaN)
  return Number.isFinite(value) && value > 0 ? value : null
}
