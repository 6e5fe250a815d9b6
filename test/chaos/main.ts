import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, table } from '../bench/bench.ts'
import { startCeph } from '../integration/store/ceph.ts'
import { faults } from './faults.ts'
import { playWorlds } from './play.ts'
import { resultsPage } from './results.ts'
import { resultRows } from './table.ts'

const usage = `usage: npm run chaos -- [options]

  --minutes M       begin no fault after so long; 3
  --count N         or after so many
  --seed N          what the dice start from; printed
  --only FAULT      this one alone; may be given several times
  --store KIND      folder, s3, or both: one of the worlds side by side is on S3; folder
  --worlds N        worlds side by side; 2
  --each N          faults done to one world; 25
  --first N         number of the first world, to do one again
  --write           keeps the table in test/chaos/RESULTS.md
  --verbose         a line for each fault
`
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', multiple: true, default: [] },
    store: { type: 'string', default: 'folder' },
    worlds: { type: 'string', default: '2' },
    each: { type: 'string', default: '25' },
    first: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { minutes, count, seed, worlds, each, first } = values
const numbers = [minutes, count, seed, worlds, each, first].map(Number)
const known = values.only.every((name) => faults[name]) && ['folder', 's3', 'both'].includes(values.store)
if (values.help || !known || !numbers.every(Number.isFinite)) {
  console.error(usage)
  for (const [name, { fault }] of Object.entries(faults)) console.error(`  ${name.padEnd(24)} ${fault.about}`)
  process.exit(2)
}

const where = machine()
console.log(`${where}\nseed ${seed}`)
const started = Date.now()
const ceph = values.store === 'folder' ? null : await startCeph()
const over = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => over.abort())
const played = await playWorlds({
  seed: Number(seed),
  until: started + Number(minutes) * 60_000,
  count: Number(count),
  each: Number(each),
  first: Number(first),
  only: values.only,
  lanes: Array.from({ length: Number(worlds) }, (_, lane) => (values.store === 's3' || lane > 0 ? ceph : null)),
  tell: console.log,
  tellEach: values.verbose ? console.log : () => {},
  signal: over.signal,
})
await ceph?.stop()
const rows = resultRows(played.told)
const took = Math.round((Date.now() - started) / 1000)
const kills = played.told.reduce((sum, { fault }) => sum + (faults[fault]?.kills ?? 0), 0)
const remark = `${played.told.length} faults, among them ${kills} kill -9 of the control plane; ${played.runs} runs ended with the right bits, ${played.losses} worlds were lost; ${played.steps} steps in ${took} s; ${played.alarms} attempts were taken for hung that were not.`
console.log(`\n${table(rows)}\n\n${remark}\nseed ${seed}`)
const command = `npm run chaos -- --seed ${seed} --minutes ${minutes} --worlds ${worlds} --each ${each} --store ${values.store}`
if (values.write)
  await writeFile(
    join(import.meta.dirname, 'RESULTS.md'),
    resultsPage({ machine: where, command, rows, remarks: [remark] }),
  )
process.exit(played.told.every(({ survived }) => survived) && played.losses === 0 && !over.signal.aborted ? 0 : 1)
