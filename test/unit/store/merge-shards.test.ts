import { expect, test } from 'vitest'
import { type Collected, mergeMetrics, mergeShards } from '../../../orchestrator/store/merge-shards.ts'

const file = (path: string, sha256: string, shard: number) => ({
  path,
  size: 1,
  sha256: sha256.repeat(64),
  key: `jobs/k/s${shard}/1/outputs/labels/${path}`,
})

const shard = (files: Collected['outputs'][string]['files'], more: Partial<Collected> = {}): Collected => ({
  protocol: 1,
  outputs: { labels: { format: 'depth', files } },
  metrics: {},
  summary: null,
  device: 'cpu',
  ...more,
})

test('files of all shards make one output, in order, wherever they lie', () => {
  const merged = mergeShards([shard([file('b', 'b', 0)]), shard([file('a', 'a', 1), file('c', 'c', 1)])])
  expect(merged.outputs.labels?.files.map(({ key }) => key)).toEqual([
    'jobs/k/s1/1/outputs/labels/a',
    'jobs/k/s0/1/outputs/labels/b',
    'jobs/k/s1/1/outputs/labels/c',
  ])
  expect(merged.outputs.labels?.format).toBe('depth')
})

test('what several shards wrote alike is kept once', () => {
  const merged = mergeShards([shard([file('meta', 'a', 0)]), shard([file('meta', 'a', 1)])])
  expect(merged.outputs.labels?.files).toEqual([file('meta', 'a', 0)])
})

test('two contents under one name are refused', () => {
  const shards = [shard([file('meta', 'a', 0)]), shard([file('meta', 'b', 1)])]
  expect(() => mergeShards(shards)).toThrow(expect.objectContaining({ code: 'OUTPUT_CONFLICT' }))
})

test('a digest depends on names and contents, not on who wrote them or in which order', () => {
  const digest = (shards: Collected[]) => mergeShards(shards).outputs.labels?.digest
  const one = digest([shard([file('a', 'a', 0), file('b', 'b', 0)])])
  expect(digest([shard([file('b', 'b', 0)]), shard([file('a', 'a', 1)])])).toBe(one)
  expect(digest([shard([file('a', 'b', 0), file('b', 'a', 0)])])).not.toBe(one)
  expect(digest([shard([file('a', 'a', 0)])])).not.toBe(one)
  expect(digest([shard([])])).toMatch(/^[0-9a-f]{64}$/)
})

test('an output that only some shards have is there', () => {
  const other: Collected = { ...shard([]), outputs: { scores: { format: null, files: [file('x', 'a', 1)] } } }
  expect(Object.keys(mergeShards([shard([]), other]).outputs)).toEqual(['labels', 'scores'])
})

test('counts add up, plain numbers give their mean', () => {
  expect(
    mergeMetrics([
      { success: { k: 3, n: 4 }, absrel: 0.2 },
      { success: { k: 1, n: 6 }, absrel: 0.4, only: 7 },
    ]),
  ).toEqual({ success: { k: 4, n: 10 }, absrel: expect.closeTo(0.3), only: 7 })
})

test('one shard says what it said', () => {
  const only = shard([], { metrics: { loss: 0.5 }, summary: '80 episodes', device: 'cuda' })
  expect(mergeShards([only])).toMatchObject({ metrics: { loss: 0.5 }, summary: '80 episodes', device: 'cuda' })
})

test('shards on different devices say so', () => {
  expect(mergeShards([shard([]), shard([], { device: 'cuda' })]).device).toBe('cpu; cuda')
})
