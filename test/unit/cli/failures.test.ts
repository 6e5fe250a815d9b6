import { expect, test } from 'vitest'
import { failures } from '../../../orchestrator/cli/view/failures.ts'
import { job, run } from './views.ts'

test.each([
  ['rank 0 ended with exit code 70', 0, 'rank 0 ended with exit code 70 (CRASHED)'],
  ['rank 1 was killed by SIGKILL: Killed', 1, 'rank 1 was killed by SIGKILL: Killed (CRASHED)'],
  ['the loss is not a number', 1, 'rank 1: the loss is not a number (CRASHED)'],
  ['its launcher was killed', undefined, 'its launcher was killed (CRASHED)'],
])('%j of rank %s names the rank once', (message, rank, shown) => {
  const error = { code: 'CRASHED', message, hint: null, ...(rank === undefined ? {} : { rank }) }
  const lines = failures(run([job('train', { state: 'failed', attempts: 1, error })]))
  expect(lines[1]?.map(({ text }) => text).join('')).toBe(`  ${shown}`)
})
