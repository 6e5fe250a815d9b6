import type { Reached } from './book.ts'
import { pick, type Strike } from './fault.ts'
import { launcherOf, livingRanks } from './processes.ts'

export type Victim = Reached & { attempt: string; ranks: { pid: number; rank: number }[]; launcher: number }

/** Steps that it must have before it, lest it come to its end while it is being chosen. */
const AHEAD = 8

/** An attempt that lives and is not about to end. */
export async function victim(
  { world, dice }: Strike,
  suits: (reached: Reached) => boolean = () => true,
): Promise<Victim | null> {
  const living = livingRanks(world.state)
  const found = world.book.underWay().filter((reached) => reached.of - reached.step > AHEAD && suits(reached))
  const alive = found.filter(({ pids }) => living.some(({ pid }) => [...pids.values()].includes(pid)))
  const chosen = pick(alive, dice)
  if (!chosen) return null
  const attempt = living.find(({ pid }) => [...chosen.pids.values()].includes(pid))?.attempt ?? ''
  const launcher = await launcherOf(world.state, attempt)
  return launcher === null
    ? null
    : { ...chosen, attempt, launcher, ranks: living.filter((rank) => rank.attempt === attempt) }
}
