import type { Interval } from './stats/wilson.ts'

/** How figures are written, everywhere the same. The space before a unit never breaks. */
const NBSP = '\u00a0'
const MINUS = '\u2212'

/** `–` there can be no value; `none yet` there will be. */
export const NONE = '–'
export const NONE_YET = 'none yet'

/** `3,485` */
export const count = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 0 })

export const ratio = (k: number, n: number) => `${count(k)}/${count(n)}`

/** A share in hundredths with one decimal, `97.5`; exactly none and all are `0` and `100`. Without the sign for per cent. */
export function hundredths(share: number): string {
  if (share === 0 || share === 1) return String(share * 100)
  const text = (share * 100).toFixed(1)
  // 1999 of 2000 isn't all, and mustn't read so.
  if (text === '100.0') return '> 99.9'
  return text === '0.0' ? '< 0.1' : text
}

export const percent = (share: number) => `${hundredths(share)}${NBSP}%`

/** `[87.1, 99.6]` */
export const interval = ({ lower, upper }: Interval) => `[${bound(lower)}, ${bound(upper)}]`

const bound = (share: number) => (share === 0 || share === 1 ? String(share * 100) : (share * 100).toFixed(1))

/** `[84, 100]`, for the narrow columns of a terminal. */
export const roughInterval = ({ lower, upper }: Interval) => `[${Math.round(lower * 100)}, ${Math.round(upper * 100)}]`

/** A difference of shares in points with its sign, `+15.5`, `−2.5`, `0`. */
export function points(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1)
  if (text === '0.0') return '0'
  return `${difference < 0 ? MINUS : '+'}${text}`
}

/** `[−12.9, +6.5]` */
export const pointsInterval = ({ lower, upper }: Interval) => `[${points(lower)}, ${points(upper)}]`

/** `p = 0.035`, `p < 0.001`, `p = 1.00`; not rounded onto the wrong side of 0.05. */
export function pValue(p: number): string {
  if (p < 0.001) return '< 0.001'
  if (p === 1) return '1.00'
  if (p >= 0.9995) return '> 0.999'
  const text = p.toFixed(3)
  if (text === '0.050' && p < 0.05) return '< 0.050'
  return text
}

export const pEquals = (p: number) => (/^[<>]/.test(pValue(p)) ? `p ${pValue(p)}` : `p = ${pValue(p)}`)

/** A measured number with what digits it can carry: `0.26`, `12.4`, `3,485`. */
export function measured(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size >= 1000 || Number.isInteger(value)) return minus(count(value))
  if (size >= 10) return minus(value.toFixed(1))
  if (size >= 0.01) return minus(value.toFixed(size >= 0.1 ? 2 : 3))
  return minus(value.toPrecision(2))
}

const minus = (text: string) => text.replace(/^-/, MINUS)

/** Two units: `3 d 4 h`, `17 h 2 min`, `9 min 41 s`, `0.8 s`. */
export function duration(seconds: number): string {
  return units(
    seconds,
    [' d', ' h', ' min', ' s'].map((unit) => unit.replace(' ', NBSP)),
    NBSP,
  )
}

/** The same as a terminal says it: `9m 41s`. */
export const shortDuration = (seconds: number) => units(seconds, ['d', 'h', 'm', 's'], ' ')

function units(seconds: number, [d = '', h = '', min = '', s = '']: string[], between: string): string {
  if (seconds < 0.05) return `0${s}`
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))}${s}`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}${s}`
  if (whole < 3600) return `${Math.floor(whole / 60)}${min}${between}${whole % 60}${s}`
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return `${Math.floor(minutes / 60)}${h}${between}${minutes % 60}${min}`
  const hours = Math.round(seconds / 3600)
  return `${Math.floor(hours / 24)}${d}${between}${hours % 24}${h}`
}

/** `7:12`, `1:02:03` */
export function clock(seconds: number): string {
  const whole = Math.round(seconds)
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** `2026-11-22 21:04 UTC`: a report is read long after, and elsewhere. */
export const moment = (ms: number) => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** Keys and commits with 7 digits. */
export const short = (digest: string) => digest.slice(0, 7)

/** Digests as `first 8…last 4`. */
export const digest = (value: string) => {
  const hex = value.replace(/^sha256:/, '')
  return hex.length <= 14 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`
}

export const plural = (n: number, word: string) => `${count(n)} ${word}${n === 1 ? '' : 's'}`

/** `a`, `a and b`, `a, b and c` */
export const list = (words: string[]) =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
