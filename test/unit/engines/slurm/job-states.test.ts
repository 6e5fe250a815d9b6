import { expect, test } from 'vitest'
import { meaningOf, readState } from '../../../../orchestrator/engines/slurm/job-states.ts'

/** JOB STATE CODES of squeue(1), then the flags that newer versions show in their place. */
const table: [string, string, (string | null)?][] = [
  ['BOOT_FAIL', 'over', 'nodeLost'],
  ['CANCELLED', 'over', 'cancelled'],
  ['COMPLETED', 'over', null],
  ['CONFIGURING', 'queued'],
  ['COMPLETING', 'running'],
  ['DEADLINE', 'over', 'refused'],
  ['FAILED', 'over', null],
  ['NODE_FAIL', 'over', 'nodeLost'],
  ['OUT_OF_MEMORY', 'over', 'memory'],
  ['PENDING', 'queued'],
  ['PREEMPTED', 'over', 'preempted'],
  ['RUNNING', 'running'],
  ['RESV_DEL_HOLD', 'queued'],
  ['REQUEUE_FED', 'queued'],
  ['REQUEUE_HOLD', 'queued'],
  ['REQUEUED', 'queued'],
  ['RESIZING', 'running'],
  ['REVOKED', 'elsewhere'],
  ['SIGNALING', 'running'],
  ['SPECIAL_EXIT', 'queued'],
  ['STAGE_OUT', 'running'],
  ['STOPPED', 'running'],
  ['SUSPENDED', 'running'],
  ['TIMEOUT', 'over', 'time'],
  ['EXPEDITING', 'running'],
  ['LAUNCH_FAILED', 'over', 'nodeLost'],
  ['POWER_UP_NODE', 'queued'],
  ['RECONFIG_FAIL', 'queued'],
  ['UPDATE_DB', 'running'],
]

test.each(table)('%s is %s (%s)', (state, phase, end) => {
  const meaning = meaningOf(state)
  expect(meaning?.phase).toBe(phase)
  if (meaning?.phase === 'over') expect(meaning.end).toBe(end)
})

test.each(['', 'NO_SUCH_STATE', 'constructor', 'running'])('%j is no state, and says nothing', (state) => {
  expect(meaningOf(state)).toBe(null)
})

test.each([
  ['CANCELLED by 1000', 'CANCELLED'],
  ['CANCELLED+', 'CANCELLED'],
  ['FAILED,COMPLETING', 'COMPLETING'],
  ['PENDING,REQUEUE_HOLD', 'PENDING'],
  ['RUNNING', 'RUNNING'],
  ['', ''],
])('%j is read as %j', (text, state) => {
  expect(readState(text)).toBe(state)
})
