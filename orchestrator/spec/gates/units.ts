import { suggest } from '../suggest.ts'
import { GateProblem, type Token } from './tokens.ts'

/** Shares become shares of one, times seconds. */
const units: Record<string, number> = {
  '%': 0.01,
  percent: 0.01,
  points: 0.01,
  point: 0.01,
  pp: 0.01,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  min: 60,
}

const times = ['us', 'ms', 's', 'min']

/** What one of a unit is in the metric's own: times are in seconds, unless the metric's name ends in `_ms` or `_us`. */
export function factorOf(unit: Token, metric: string): number {
  const factor = Object.hasOwn(units, unit.text) ? units[unit.text] : undefined
  if (factor === undefined)
    throw new GateProblem(unit.at, `no unit '${unit.text}'${suggest(unit.text, Object.keys(units))}`)
  const own = /_(us|ms|min)$/.exec(metric)?.[1]
  return own !== undefined && times.includes(unit.text) ? factor / (units[own] as number) : factor
}
