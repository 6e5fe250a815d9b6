/** What is known of one fence of a shard: what its attempt was told to resume from, and the checkpoints it committed. */
export type FenceHistory = {
  fence: number
  /** Store key of a manifest, from the claim; null: start from nothing. */
  told: string | null
  manifests: { key: string; step: number /** What it really resumed from. */; parent: string | null }[]
}

/**
 * The checkpoints that the next attempt may resume from, best first.
 *
 * First those of the newest fence, latest step first; then the one that this fence was told to resume from, what the
 * same attempt had committed before it, what that attempt was told, and so on. Each claim freezes what counted at that
 * moment. So what a replaced attempt commits later is never chosen, however far it got: another attempt has its place,
 * and a lineage that changed in hindsight would no longer be the one whose results were seen.
 */
export function lineage(history: FenceHistory[]): string[] {
  const byFence = new Map(history.map((entry) => [entry.fence, entry]))

  function from(fence: number, upTo: number): string[] {
    const entry = byFence.get(fence)
    if (!entry) return []
    const own = entry.manifests.filter(({ step }) => step <= upTo).sort((a, b) => b.step - a.step)
    const before = told(entry)
    // It may have found the best one broken and resumed from an older one: then the broken ones are no ancestors,
    // also where the one it resumed from has been collected since.
    const parent = own[0]?.parent ? placeOf(own[0].parent) : null
    return [...own.map(({ key }) => key), ...before.filter((key) => parent === null || !isAfter(key, parent))]
  }

  function told(entry: FenceHistory): string[] {
    const place = entry.told === null ? null : placeOf(entry.told)
    return place && place.fence < entry.fence ? from(place.fence, place.step) : []
  }

  const newest = Math.max(0, ...byFence.keys())
  return from(newest, Number.POSITIVE_INFINITY)
}

type Place = { fence: number; step: number }

function isAfter(manifest: string, { fence, step }: Place): boolean {
  const place = placeOf(manifest)
  return place !== null && (place.fence > fence || (place.fence === fence && place.step > step))
}

/** Fence and step that a manifest's key names. */
export function placeOf(manifest: string): Place | null {
  const found = /\/(\d+)\/checkpoints\/(\d+)\/manifest\.json$/.exec(manifest)
  return found ? { fence: Number(found[1]), step: Number(found[2]) } : null
}
