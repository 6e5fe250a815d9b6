import { expect, test } from 'vitest'
import { badNodes, type EndedJob, endOfJob } from '../../../../orchestrator/engines/slurm/end-of-job.ts'

const job = (patch: Partial<EndedJob>): EndedJob => ({
  id: '7',
  state: 'FAILED',
  reason: 'None',
  nodes: 'node1',
  ...patch,
})
const lost = { claimed: true, recorded: false }
const recorded = { claimed: true, recorded: true }
const never = { claimed: false, recorded: false }

test.each<[string, Partial<EndedJob>, typeof lost, string | null]>([
  ['one that did its work', { state: 'COMPLETED' }, recorded, null],
  ['one that failed, and said how', { reason: 'NonZeroExitCode' }, recorded, null],
  ['a batch step that was killed, after it had recorded', { reason: 'JobLaunchFailure' }, recorded, null],
  ['a batch step that left no word', { state: 'COMPLETED' }, lost, null],
  ['a batch step that crashed', { reason: 'NonZeroExitCode' }, lost, null],
  ['preempted, whatever it recorded', { state: 'PREEMPTED' }, recorded, 'preempted'],
  ['a node that failed', { state: 'NODE_FAIL', reason: 'NodeDown' }, recorded, 'nodeLost'],
  ['nodes that did not boot', { state: 'BOOT_FAIL' }, never, 'nodeLost'],
  ['its time', { state: 'TIMEOUT', reason: 'TimeLimit' }, recorded, 'time'],
  ['its deadline', { state: 'DEADLINE', reason: 'DeadLine', nodes: '' }, never, 'refused'],
  ['its memory', { state: 'OUT_OF_MEMORY', reason: 'OutOfMemory' }, recorded, 'memory'],
  ['somebody else', { state: 'CANCELLED' }, recorded, 'cancelled'],
  ['somebody else, before it began', { state: 'CANCELLED', nodes: '' }, never, 'cancelled'],
  ['a launch that failed', { reason: 'JobLaunchFailure' }, never, 'nodeLost'],
  ['a launch that failed, half done', { reason: 'JobLaunchFailure' }, lost, 'nodeLost'],
  ['a file system that failed', { reason: 'SystemFailure' }, never, 'nodeLost'],
  ['nothing that fits', { reason: 'BadConstraints', nodes: '' }, never, 'refused'],
  ['no such interpreter', { reason: 'NonZeroExitCode' }, never, 'refused'],
  ['a state that is not the end', { state: 'RUNNING' }, lost, null],
  ['a state that nobody knows', { state: 'NEW_STATE' }, lost, null],
])('%s', (_name, patch, left, kind) => {
  expect(endOfJob(job(patch), left)?.kind ?? null).toBe(kind)
})

test('a directory that nodes do not share is called by its name', () => {
  const end = endOfJob(job({ reason: 'RaisedSignal:53(Real-time_signal_19)' }), never)
  expect(end).toEqual({
    kind: 'refused',
    message:
      "could not be started: its node can't write to `directory` of the pool, which all have to share (Slurm job 7 on node1)",
    nodes: [],
  })
})

test('a node is blamed where there was but one', () => {
  expect(endOfJob(job({ state: 'NODE_FAIL' }), lost)?.nodes).toEqual(['node1'])
  expect(endOfJob(job({ state: 'NODE_FAIL', nodes: 'node[1-2]' }), lost)?.nodes).toEqual([])
  expect(endOfJob(job({ state: 'PREEMPTED' }), lost)?.nodes).toEqual([])
})

test('of several nodes, those are blamed that Slurm does not trust any more', () => {
  const listing = 'node1|allocated\nnode2|down*\nnode3|drained\nnode4|idle\nnode5|idle*\nnode6|mixed-\n'
  expect(badNodes(listing)).toEqual(['node2', 'node3', 'node5'])
  expect(badNodes('')).toEqual([])
})
