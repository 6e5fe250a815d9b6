/**
 * Holm's step-down correction: p-values, in the order given, that may be compared to the level as they are while the chance
 * of any false alarm among them stays below it. Adjusted p of rank i of m (ascending) is the maximum so far of
 * (m − i + 1) · p, at most 1.
 *
 * Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65–70; adjusted p-values as in S. P. Wright, Biometrics 48
 * (1992) 1005–1013.
 */
export function holm(p: readonly number[]): number[] {
  const adjusted = new Array<number>(p.length)
  let highest = 0
  const ascending = p.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value)
  ascending.forEach(({ value, index }, rank) => {
    highest = Math.max(highest, Math.min(1, (p.length - rank) * value))
    adjusted[index] = highest
  })
  return adjusted
}
