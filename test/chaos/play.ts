import { random } from '../bench/statistics.ts'
import type { Ceph } from '../integration/store/ceph.ts'
import { canMount } from '../support/tmpfs.ts'
import { type Card, shares, shuffled } from './deck.ts'
import { playRound, type Told } from './round.ts'
import { type Ground, openWorld } from './world.ts'

export type Play = {
  seed: number
  /** Unix milliseconds after which no fault begins. */
  until: number
  /** Faults in all, and of one world. */
  count: number
  each: number
  /** Number of the first world. */
  first: number
  only: readonly string[]
  /** Where the worlds have their stores that are played side by side: on S3, or in a folder. */
  lanes: readonly (Ceph | null)[]
  tell: (line: string) => void
  tellEach: (line: string) => void
  /** Gives up at once, leaving nothing. */
  signal: AbortSignal
}

export type Played = { told: Told[]; losses: number; runs: number; steps: number; alarms: number }

/** Plays one world after the other, in several lanes side by side. */
export async function playWorlds(play: Play): Promise<Played> {
  const all: Played = { told: [], losses: 0, runs: 0, steps: 0, alarms: 0 }
  let [struck, number] = [0, play.first - 1]
  const enough = (): boolean => struck >= play.count || Date.now() >= play.until || play.signal.aborted
  const lane = async (ceph: Ceph | null): Promise<void> => {
    while (!enough()) {
      number += 1
      const name = `world ${number}`
      const dice = random(play.seed * 1000 + number)
      const world = await openWorld(ground(number, ceph, dice))
      const giveUp = (): void => void world.end('remove')
      play.signal.addEventListener('abort', giveUp)
      let cards: Card[] = []
      let here = 0
      const next = (): Card | null => {
        if (enough() || here >= play.each) return null
        struck += 1
        here += 1
        if (cards.length === 0) cards = shuffled(shares(play.only), world, dice)
        return cards.pop() ?? null
      }
      const round = await playRound(world, `${play.seed}-${number}`, dice, next, ({ fault, recovery }) =>
        play.tellEach(`${name}: ${fault}: first new step after ${(recovery / 1000).toFixed(2)} s`),
      )
      if (play.signal.aborted) return
      play.signal.removeEventListener('abort', giveUp)
      all.told.push(...round.told)
      all.runs += round.runs
      all.steps += round.steps
      all.alarms += round.alarms
      await world.end(round.lost ? 'keep' : 'remove')
      if (round.lost) {
        all.losses += 1
        play.tell(`${name}: LOST after fault ${here}, ${round.lost.fault ?? 'in the end'}: ${round.lost.message}`)
        play.tell(`  kept in ${world.folder}; again: --seed ${play.seed} --first ${number} --worlds 1`)
      } else play.tell(`${name}: ${round.told.length} faults, ${round.runs} runs right, ${round.steps} steps`)
    }
  }
  await Promise.all(play.lanes.map(lane))
  return all
}

/** Half of the worlds have disks of their own that can be filled up, where this user may mount them. */
function ground(number: number, ceph: Ceph | null, dice: () => number): Ground {
  if (ceph) {
    const address = { url: `s3://${ceph.bucket}/world-${number}`, endpoint: ceph.endpoint, region: 'us-east-1' }
    return { kind: 's3', gateway: ceph, address }
  }
  return { kind: dice() < 0.5 && canMount() ? 'small' : 'folder' }
}
