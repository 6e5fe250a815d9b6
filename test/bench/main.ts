import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Bench, machine } from './bench.ts'
import { data } from './data/data.ts'
import { dispatch } from './dispatch/dispatch.ts'
import { withLab } from './lab.ts'
import { model } from './model/model.ts'
import { overhead } from './overhead/overhead.ts'
import { plan } from './plan/plan.ts'
import { recovery } from './recovery/recovery.ts'
import { keepPrinted, writeResults } from './results.ts'
import { scale } from './scale/scale.ts'

/** One for each claim about speed that an issue makes. */
const benches: Record<string, Bench> = { data, dispatch, model, overhead, plan, recovery, scale }

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: '0' },
    part: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const [name = ''] = positionals
const bench = benches[name]
if (!bench || values.part.some((part) => !bench.parts[part]) || (values.write && !bench.notes)) {
  console.error('usage: npm run bench -- NAME [--seed N] [--part PART]… [--write]\n')
  for (const [known, { about, parts }] of Object.entries(benches))
    console.error(`  ${known}   ${about}\n  ${' '.repeat(known.length)}   parts: ${Object.keys(parts).join(', ')}`)
  process.exit(2)
}
const seed = Number(values.seed)
const printed = keepPrinted()
console.log(`${name}: ${bench.about}\n${machine()}\nseed ${seed}`)
const started = Date.now()
const goals = await withLab(bench.world, async (lab) => {
  const met = []
  for (const [part, measure] of Object.entries(bench.parts)) {
    if (values.part.length > 0 && !values.part.includes(part)) continue
    console.log('')
    met.push(...(await measure(lab, seed)))
  }
  return met
})
console.log(`\ntook ${Math.round((Date.now() - started) / 1000)} s, load ${loadavg()[0]?.toFixed(1)} after`)
for (const { what, measured, met } of goals) console.log(`${met ? 'met   ' : 'missed'} ${what}: ${measured}`)
console.log(`goals: ${goals.filter((goal) => goal.met).length} of ${goals.length} met`)
if (values.write && bench.notes) console.error(`written: ${await writeResults(name, printed, bench.notes)}`)
process.exit(0)
