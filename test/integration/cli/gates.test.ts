import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writePipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

// 200 of 400 numbers are even.
const stages = '  numbers: { entry: count, with: { steps: 400 }, retry: { crashes: 1 } }'
const matrix = 'matrix: { variant: { a: {}, b: { numbers.with.fail_at: 0 } } }\ngates: [even(a) >= 10%]'

test('gates set the exit code: 0 all pass, 1 one fails, 3 one is undecided', async () => {
  const { orchestrate } = await freshOrchestrate()
  const file = await writePipeline(stages, matrix)
  const junit = join(await mkdtemp(join(tmpdir(), 'orc-j-')), 'gates.xml')
  const passed = 'policy even(a) >= 20%'
  const run = await orchestrate('run', file, '--only', 'a', '--gate', passed, '--junit', junit, '--json')
  // The file's own is a recipe of one seed.
  expect(run.exitCode).toBe(3)
  expect(JSON.parse(run.stdout).gates).toMatchObject([
    { gate: 'even(a) >= 10%', outcome: 'undecided', more: { seeds: 2 } },
    { gate: passed, outcome: 'pass', trials: 400 },
  ])
  const xml = await readFile(junit, 'utf8')
  expect(xml).toContain('<testsuites tests="3" failures="0" skipped="1"')
  expect(xml).toContain('name="policy even(a) &gt;= 20%"')

  const other = ['--set', 'gates=[]']
  expect((await orchestrate('run', file, '--only', 'a', ...other, '--gate', passed)).exitCode).toBe(0)
  const ask = async (gate: string) => (await orchestrate('report', 'latest', '--gate', gate)).exitCode
  expect(await ask(passed)).toBe(0)
  expect(await ask('policy even(a) >= 80%')).toBe(1)
  expect(await ask('policy even(a) >= 50%')).toBe(3)
  const wrong = await orchestrate('report', 'latest', '--gate', 'policy even(c) >= 50%')
  expect(wrong.exitCode).toBe(2)
  expect(wrong.stderr).toContain("no row or cell 'c'")
  const report = await orchestrate('report', 'latest', '--gate', 'policy even(a) >= 80%')
  expect(report.stdout).toContain('policy even(a) &gt;= 80%: fails, 50.0')
  expect((await orchestrate('run', file, ...other, '--gate', passed)).exitCode).toBe(1) // b fails
})

test('--until-decided adds seeds up to the limit; what was done is not done again', async () => {
  const { orchestrate } = await freshOrchestrate()
  // Every seed counts the same numbers: half are even, and 50 % stays undecided however many there are.
  const seeds = 'matrix: { seed: [0, 1, 2], variant: { a: {} } }\nreport: { rows: variant }'
  const gates = "gates: [{ gate: even(a) >= 50%, until: { seeds: 4 } }, 'even(a) <= 80%']"
  const file = await writePipeline(stages, `${seeds}\n${gates}`)
  const run = await orchestrate('run', file, '--until-decided', '--json')
  expect(run.exitCode).toBe(3)
  const result = JSON.parse(run.stdout)
  expect(result.cells).toHaveLength(4)
  expect(result.jobs).toMatchObject([{ cached: true }])
  expect(result.gates).toMatchObject([
    { outcome: 'undecided', seeds: 4, level: 0.05 / 6 },
    { outcome: 'pass', seeds: 3, level: 0.025 },
  ])
  expect(run.stderr).toContain('look 1: 2 gates: 1 pass and 1 undecided; next with matrix.seed=[0,1,2,3]')
})
