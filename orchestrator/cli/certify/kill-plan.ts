import { draw } from './draw.ts'

/** A step that is reported, and how long after its report the kill comes: anywhere before the next one. */
export type PlannedKill = { step: number; delayMs: number; rank: number }
export type KillPlan = { every: number; kills: PlannedKill[] }

export type Reported = { step: number; at: number }

/**
 * When to save, and when to kill: at random steps after the first save and before the end, ascending. `reported` is the
 * progress of the twin that was not stopped. Null when it has no such step. A later `attempt` draws earlier steps: the one
 * before was over before it could be killed.
 */
export function planKills(
  reported: readonly Reported[],
  { seed, kills, ranks, attempt }: { seed: number; kills: number; ranks: number; attempt: number },
): KillPlan | null {
  const last = reported.at(-1)
  if (last === undefined) return null
  const every = Math.max(1, Math.floor(last.step / 6))
  const all = reported.flatMap(({ step, at }, index) => {
    const next = reported[index + 1]
    return next !== undefined && step > every && step < last.step ? [{ step, gap: next.at - at }] : []
  })
  const possible = all.slice(0, Math.ceil(all.length / (attempt + 1)))
  const drawn = Array.from({ length: kills }, (_, n) => {
    const purpose = `${attempt}/${n}`
    const found = possible[Math.floor(draw(seed, `step ${purpose}`) * possible.length)]
    if (found === undefined) return null
    return {
      step: found.step,
      delayMs: Math.floor(draw(seed, `delay ${purpose}`) * Math.max(0, found.gap)),
      rank: Math.floor(draw(seed, `rank ${purpose}`) * ranks),
    }
  }).filter((kill) => kill !== null)
  return drawn.length < kills ? null : { every, kills: drawn.sort((a, b) => a.step - b.step) }
}
