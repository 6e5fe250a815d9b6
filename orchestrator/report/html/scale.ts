/** A scale of a plot: where a value lies between 0 and 1, and the ticks that name it. */
export type Scale = { at: (value: number) => number; ticks: { at: number; label: string }[] }

/** From zero or near the lowest value to above the highest, in steps of 1, 2 or 5. */
export function linearScale(low: number, high: number, most = 4): Scale {
  const span = high - low || Math.abs(high) || 1
  const step = niceStep(span / most)
  const start = Math.floor(low / step + 1e-9) * step
  const end = Math.max(Math.ceil(high / step - 1e-9) * step, start + step)
  const at = (value: number) => (value - start) / (end - start)
  const steps = Math.round((end - start) / step)
  const ticks = Array.from({ length: steps + 1 }, (_, index) => start + index * step)
  return { at, ticks: ticks.map((value) => ({ at: at(value), label: label(value, step) })) }
}

/** For positive values over more than about a decade. Ticks at 1, 2 and 5 of each decade, or each decade alone. */
export function logScale(low: number, high: number): Scale {
  const [a, b] = [Math.log10(low), Math.log10(high)]
  const pad = (b - a) * 0.04 || 0.1
  const at = (value: number) => (Math.log10(value) - a + pad) / (b - a + 2 * pad)
  const decades = Array.from({ length: Math.ceil(b) - Math.floor(a) + 1 }, (_, index) => 10 ** (Math.floor(a) + index))
  const candidates = b - a < 2 ? decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]) : decades
  const ticks = candidates.filter((value) => at(value) >= -0.001 && at(value) <= 1.001)
  return { at, ticks: ticks.map((value) => ({ at: at(value), label: label(value, value) })) }
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  const first = rough / power
  return (first <= 1 ? 1 : first <= 2 ? 2 : first <= 5 ? 5 : 10) * power
}

/** `0`, `.2`, `1.5`, `10k`: as short as a tick must be. */
function label(value: number, step: number): string {
  const rounded = Math.abs(value) < step / 1e6 ? 0 : value
  if (rounded !== 0 && (Math.abs(rounded) < 1e-3 || Math.abs(rounded) >= 1e6))
    return rounded.toExponential(0).replace('+', '')
  const text =
    Math.abs(rounded) >= 10_000
      ? `${Number((rounded / 1000).toFixed(1))}k`
      : String(Number(rounded.toFixed(Math.max(0, Math.ceil(-Math.log10(step) + 0.01)))))
  return text.replace(/^(-?)0\./, '$1.').replace(/^-/, '\u2212')
}
