import { InvalidArgumentError } from 'commander'
import type { Until } from '../../spec/gates/gate.ts'

/** `seeds=10`, `trials=400` of `--until-decided`; left out: what the file says. */
export function until(text: string): Until {
  const [, what, count] = /^(seeds|trials)=([1-9]\d*)$/.exec(text) ?? []
  if (what === 'seeds') return { seeds: Number(count) }
  if (what === 'trials') return { trials: Number(count) }
  throw new InvalidArgumentError('expected seeds=10 or trials=400.')
}
