import { expect, test } from 'vitest'
import type { Job } from '../../../orchestrator/run/job.ts'
import { pastCosts } from '../../../orchestrator/run/past-costs.ts'

const job = (stage: string, seconds: number, gpus: number, phase: Job['phase'] = 'succeeded') =>
  ({ phase, seconds, planned: { stage, entry: 'e', resources: { nodes: 2, gpus } } }) as Job

test('what past attempts took is a mean over the jobs of the stage that succeeded', () => {
  const past = pastCosts([
    job('train', 100, 4),
    job('train', 50, 4),
    job('train', 30, 0),
    job('train', 900, 4, 'failed'),
    job('label', 10, 0),
  ])
  expect(past({ stage: 'train', entry: 'e' })).toEqual({ seconds: 60, gpuSeconds: 600 })
  expect(past({ stage: 'label', entry: 'e' })).toEqual({ seconds: 10, gpuSeconds: null })
  expect(past({ stage: 'train', entry: 'other' })).toBeNull()
})
