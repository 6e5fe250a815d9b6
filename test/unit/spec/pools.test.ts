import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readPools } from '../../../orchestrator/spec/pools/read-pools.ts'
import { poolsJsonSchema } from '../../../orchestrator/spec/pools/shape.ts'

test('pools are read by name, after the one that is always there', () => {
  const text =
    'pools:\n  cluster: { engine: slurm, directory: /shared, jobs: 20, extra: [--nice=100] }\n  lab: { engine: agents }\n'
  expect(readPools('pools.yaml', text)).toEqual({
    pools: [
      { name: 'local', engine: 'local' },
      { name: 'cluster', engine: 'slurm', directory: '/shared', jobs: 20, extra: ['--nice=100'] },
      { name: 'lab', engine: 'agents' },
    ],
  })
})

test.each([
  ['pools:\n  lab: { engin: agents }', "2:8  pools.lab: missing 'engine', expected a pool with engine"],
  ['pools:\n  lab: { engine: ray }', '2:18  pools.lab.engine: expected a pool with engine'],
  ['pools:\n  lab: { engine: slurm, directory: here }', '2:36  pools.lab.directory: expected an absolute folder'],
  [
    'pools:\n  lab: { engine: slurm, directory: /a, partitoin: gpu }',
    "2:40  pools.lab: no key 'partitoin'; did you mean 'partition'?",
  ],
  ['pools:\n  lab: { engine: agents, silence: 3 }', '2:35  pools.lab.silence: expected a duration such as 10s'],
  ['pools:\n  local: { engine: agents }', "2:3  'local' is this machine, and built in"],
  ['pools:\n  9: { engine: agents }', '2:3  pools: expected a name of letters'],
  ['- lab', '1:1  expected a map with pools'],
  ['', '1:1  expected a map with pools'],
])('%j is one problem, with its place', (text, message) => {
  const read = readPools('pools.yaml', text)
  const problems = 'problems' in read ? read.problems : []
  expect(problems.map(({ line, column, message }) => `${line}:${column}  ${message}`)[0]).toContain(message)
})

test('the committed JSON Schema of pools is that of the code', () => {
  const path = new URL('../../../orchestrator/spec/pools/pools.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(poolsJsonSchema())))
})
