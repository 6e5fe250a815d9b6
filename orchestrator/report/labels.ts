import type { RunFacts } from './input.ts'

/** What the pipeline's `labels` say of all rows of a table (`embodied pretraining: none`); null where there are none. */
export function labelsSentence({ labels }: Pick<RunFacts, 'labels'>): string | null {
  const all = Object.entries(labels).map(([name, value]) => `${name}: ${value}`)
  return all.length === 0 ? null : `All rows: ${all.join('; ')}.`
}
