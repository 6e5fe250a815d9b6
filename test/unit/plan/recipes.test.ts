import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Plan } from '../../../orchestrator/plan/plan.ts'
import { WorkerDescription } from '../../../orchestrator/protocol/worker-description.ts'
import { type BaseFile, extendedBy } from '../../../orchestrator/spec/extend.ts'
import { complaints } from '../spec/fixtures.ts'
import { job, planned } from './fixtures.ts'

const root = join(import.meta.dirname, '../../..')
const worker = WorkerDescription.parse(
  JSON.parse(readFileSync(join(root, 'worker-images/depthvla/worker.json'), 'utf8')),
)
const files = readdirSync(join(root, 'jobs')).filter((name) => name.endsWith('.yaml'))
const DATA = ['RGBD', 'BRIDGE', 'GALAXEA', 'EMBODIED', 'LIBERO', 'OWN_DEMOS', 'PALIGEMMA', 'DEPTH_ANYTHING', 'UNIDEPTH']
const env = Object.fromEntries(DATA.map((name) => [name, `s3://data/${name.toLowerCase()}`]))
const folders = Object.fromEntries(Object.entries(env).map(([name, address]) => [name, address.replace('s3://', '/')]))

const read = (file: string): string => readFileSync(join(root, 'jobs', file), 'utf8')

/** The files that one extends, the nearest first. */
function basesOf(file: string): BaseFile[] {
  const named = extendedBy(read(file))
  return named === null ? [] : [{ file: named, text: read(named) }, ...basesOf(named)]
}

const given = (file: string, environment = folders) => ({
  text: read(file),
  bases: basesOf(file),
  worker,
  env: environment,
})
/** Each source is known by its name: the same in all files. */
const plan = (file: string): Plan => {
  const fingerprints = Object.fromEntries(
    ['rgbd', 'bridge', 'galaxea', 'embodied', 'libero', 'own', 'paligemma', 'depth-anything', 'unidepth'].map(
      (name) => [name, name],
    ),
  )
  return planned(given(file), { fingerprints })
}

test.each(files)('%s is a pipeline of this worker, with nothing to complain of', (file) => {
  expect(complaints(given(file))).toEqual([])
})

test('data that is streamed may be at an address, and what is read whole is refused there by name', () => {
  const addresses = { ...folders, RGBD: 's3://data/rgbd', BRIDGE: 's3://data/bridge' }
  expect(complaints(given('depthvla-simpler.yaml', addresses))).toEqual([])
  const { PALIGEMMA: _, ...without } = folders
  expect(complaints(given('depthvla-simpler.yaml', without)).join('\n')).toContain(
    'PALIGEMMA is not set in the environment',
  )
})

test('the recipes share what they have in common', () => {
  const [simpler, libero, real] = ['simpler', 'libero', 'real'].map((name) => plan(`depthvla-${name}.yaml`)) as [
    Plan,
    Plan,
    Plan,
  ]
  expect(job(libero, 'depth-pretrain').key).toBe(job(simpler, 'depth-pretrain').key)
  expect(job(real, 'depth-pretrain').key).toBe(job(simpler, 'depth-pretrain').key)
  expect(job(real, 'bridge-labels').key).toBe(job(simpler, 'bridge-labels').key)
  expect(job(real, 'galaxea-labels').key).not.toBe(job(simpler, 'bridge-labels').key)
})

test.each(['simpler', 'libero', 'real'])('in depthvla-%s no label comes from an expert that is trained', (name) => {
  const { jobs } = plan(`depthvla-${name}.yaml`)
  for (const { entry, needs } of jobs) if (entry === 'label_depth') expect(needs).toEqual([])
})

test.each(['simpler', 'libero', 'real'])('in depthvla-%s the baseline needs no depth of any kind', (name) => {
  const { cells } = plan(`depthvla-${name}.yaml`)
  const baseline = cells.find((cell) => cell.name === 'no-depth-expert')
  expect(Object.keys(baseline?.jobs ?? {}).filter((stage) => /label|depth/.test(stage))).toEqual([])
})

/** How many jobs a plan has of each stage. */
const counts = ({ jobs }: Plan): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(jobs, ({ stage }) => stage)].map(([stage, of]) => [stage, of.length]))

test('the ablations of Simpler are 18 cells, whose depth pretraining and labels are made once', () => {
  const matrix = plan('ablations.yaml')
  expect(matrix.cells).toHaveLength(18)
  expect(counts(matrix)).toEqual({
    'depth-pretrain': 1,
    'bridge-labels': 1,
    'bridge-statistics': 1,
    train: 18,
    evaluate: 18,
  })
  const cell = matrix.cells.find(({ values }) => values.variant === 'full' && values.seed === 0)
  expect(cell?.jobs).toEqual(plan('depthvla-simpler.yaml').cells.find(({ name }) => name === 'full')?.jobs)
})

test('the ablations of LIBERO are its three variants with three seeds', () => {
  expect(counts(plan('ablations-libero.yaml'))).toMatchObject({ 'depth-pretrain': 1, train: 9, ten: 9 })
})

test('the ablations at the size of a laptop are those of the paper and a blind control, and share what the quickstart has', () => {
  const [small, large, quickstart] = ['ablations-quickstart', 'ablations', 'quickstart'].map((name) =>
    plan(`${name}.yaml`),
  ) as [Plan, Plan, Plan]
  const variants = ({ cells }: Plan) => new Set(cells.map(({ values }) => values.variant))
  expect(variants(small)).toEqual(new Set([...variants(large), 'blind']))
  expect(counts(small)).toMatchObject({ demos: 1, scenes: 1, labeller: 1, 'depth-pretrain': 1, train: 7, evaluate: 7 })
  const keys = new Set(small.jobs.map(({ key }) => key))
  expect(quickstart.jobs.filter(({ key }) => !keys.has(key))).toEqual([])
})
