import type { Json } from '../spec/pipeline.ts'

/**
 * One text for each value: keys sorted by code unit, no white space, numbers as JSON, text in Unicode's NFC, so
 * that an "é" typed on two systems is one. Throws RangeError on what JSON can't say: NaN and the infinities.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(value.normalize('NFC'))
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is no number that JSON knows`)
    return JSON.stringify(value)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value).map(([key, item]) => [key.normalize('NFC'), item] as const)
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}
