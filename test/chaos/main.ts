import { parseArgs } from 'node:util'
import { machine } from '../bench/bench.ts'
import { random } from '../bench/statistics.ts'
import { startCeph } from '../integration/store/ceph.ts'
import { canMount } from '../support/tmpfs.ts'
import { type Card, shares, shuffled } from './deck.ts'
import { faults } from './faults.ts'
import { playRound, type Told } from './round.ts'
import { resultsTable } from './table.ts'
import { type Ground, openWorld, type World } from './world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    minutes: { type: 'string', default: '3' },
    count: { type: 'string', default: '100000' },
    only: { type: 'string', multiple: true, default: [] },
    worlds: { type: 'string', default: '2' },
    each: { type: 'string', default: '40' },
    store: { type: 'string', default: 'folder' },
    verbose: { type: 'boolean', default: false },
  },
})
const [seed, count, each] = [Number(values.seed), Number(values.count), Number(values.each)]
const unknown = values.only.filter((name) => !faults[name])
if (unknown.length > 0 || !Number.isFinite(seed + count + each + Number(values.minutes))) {
  console.error(
    `usage: npm run chaos -- [--seed N] [--minutes M] [--count N] [--only FAULT]… [--worlds AT ONCE] [--each FAULTS A WORLD] [--store folder|s3] [--verbose]\n`,
  )
  for (const [name, { fault }] of Object.entries(faults)) console.error(`  ${name.padEnd(24)} ${fault.about}`)
  process.exit(2)
}

console.log(`${machine()}\nseed ${seed}`)
const started = Date.now()
const until = started + Number(values.minutes) * 60_000
const told: Told[] = []
let [struck, world, losses, runs, steps] = [0, 0, 0, 0, 0]

const worlds = new Set<World>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await Promise.all([...worlds].map((one) => one.end('remove')))
    await ceph?.stop()
    process.exit(130)
  })

const ceph = values.store === 's3' ? await startCeph() : null

/** Every other world has disks of its own that can be filled up, where this user may mount them. */
function ground(number: number): Ground {
  if (!ceph) return { kind: number % 2 === 0 && canMount() ? 'small' : 'folder' }
  const url = `s3://${ceph.bucket}/world-${number}`
  return { kind: 's3', gateway: ceph, address: { url, endpoint: ceph.endpoint, region: 'us-east-1' } }
}

/** Plays one world after the other; several do so side by side. */
async function play(): Promise<void> {
  while (struck < count && Date.now() < until) {
    const number = ++world
    const dice = random(seed * 1000 + number)
    const here = await openWorld(ground(number))
    worlds.add(here)
    let cards: Card[] = []
    let inWorld = 0
    const next = () => {
      if (struck >= count || inWorld >= each || Date.now() >= until) return null
      struck += 1
      inWorld += 1
      if (cards.length === 0) cards = shuffled(shares(values.only), here, dice)
      return cards.pop() ?? null
    }
    const name = `world ${number}`
    const round = await playRound(here, `${seed}-${number}`, dice, next, ({ fault, recovery }) => {
      if (values.verbose) console.log(`${name}: ${fault}: first new step after ${(recovery / 1000).toFixed(2)} s`)
    })
    told.push(...round.told)
    runs += round.runs
    steps += round.steps
    if (round.lost) {
      losses += 1
      console.log(
        `${name}: LOST${round.lost.fault ? ` after fault ${inWorld}, ${round.lost.fault}` : ''}: ${round.lost.message}`,
      )
      console.log(`  kept: ${here.folder}; again: --seed ${seed} --worlds 1`)
    } else console.log(`${name}: ${round.told.length} faults, ${round.runs} runs right, ${round.steps} steps`)
    worlds.delete(here)
    await here.end(round.lost ? 'keep' : 'remove')
  }
}

await Promise.all(Array.from({ length: Number(values.worlds) }, play))
console.log(`\n${resultsTable(told)}\n`)
console.log(
  `${runs} runs ended with the right bits, ${steps} steps, ${Math.round((Date.now() - started) / 1000)} s; seed ${seed}`,
)
await ceph?.stop()
const torn = told.reduce((sum, one) => sum + one.torn, 0)
process.exit(losses > 0 || torn > 0 ? 1 : 0)
