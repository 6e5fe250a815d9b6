import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import { listCheckpoints } from '../../../orchestrator/store/checkpoints.ts'
import type { Store } from '../../../orchestrator/store/store.ts'
import { type Fault, now, pick } from '../fault.ts'
import { resumed } from '../recovery.ts'
import { victim } from '../victim.ts'

type Harm = (store: Store, key: string, body: Buffer, dice: () => number) => Promise<void>

const flip: Harm = (store, key, body, dice) => {
  const place = Math.floor(dice() * body.length)
  body.writeUInt8(body.readUInt8(place) ^ 1, place)
  return store.put(key, body)
}
const cut: Harm = (store, key, body, dice) => store.put(key, body.subarray(0, Math.floor(dice() * body.length)))
const remove: Harm = (store, key) => store.delete(key)

/** The ranks are held while it is done, so that it is the checkpoint that the next attempt would go on from. */
export const checkpointDamaged: Fault = {
  about: 'the newest checkpoint: a bit flipped, cut short, or a file lost; and its ranks: kill -9',
  strike: async (strike) => {
    const { world, dice } = strike
    const met = await victim(strike, ({ step }) => step > 6)
    if (!met) return null
    for (const { pid } of met.ranks) sendSignal(pid, 'SIGSTOP')
    try {
      const newest = (await listCheckpoints(world.store, met.job, met.shard)).at(-1)
      const file = newest && pick(newest.manifest.files, dice)
      if (newest && file) {
        const key = newest.key.replace(/manifest\.json$/, file.path)
        world.damaged.add(newest.key)
        const body = await world.store.get(key)
        if (body) await (pick([flip, cut, remove], dice) ?? flip)(world.store, key, body, dice)
      }
    } finally {
      for (const { pid } of met.ranks) sendSignal(pid, 'SIGKILL')
    }
    return { at: now(), recovered: resumed(strike, met) }
  },
}
