import { expect, test } from 'vitest'
import { hostCapacity, parseGpus } from '../../../orchestrator/engines/host-capacity.ts'

test('GPUs are known by their UUIDs', () => {
  const listing = 'GPU 0: NVIDIA H200 (UUID: GPU-5c89)\nGPU 1: NVIDIA H200 (UUID: GPU-91ab)\n'
  expect(parseGpus(listing)).toEqual(['GPU-5c89', 'GPU-91ab'])
})

test('of a GPU that is cut into slices only the slices can be used', () => {
  const listing = `GPU 0: NVIDIA H200 (UUID: GPU-5c89)
  MIG 1g.18gb     Device  0: (UUID: MIG-3f2b)
  MIG 1g.18gb     Device  1: (UUID: MIG-77c0)
GPU 1: NVIDIA H200 (UUID: GPU-91ab)
`
  expect(parseGpus(listing)).toEqual(['MIG-3f2b', 'MIG-77c0', 'GPU-91ab'])
})

test('a driver that says something else has no GPUs', () => {
  expect(parseGpus('No devices found.\n')).toEqual([])
})

test('this machine has a core at least', async () => {
  const { cores, gpus } = await hostCapacity()
  expect(cores).toBeGreaterThanOrEqual(1)
  expect(new Set(gpus).size).toBe(gpus.length)
})
