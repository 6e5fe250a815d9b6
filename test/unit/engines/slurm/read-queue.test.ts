import { expect, test } from 'vitest'
import { hostNames, readQueue } from '../../../../orchestrator/engines/slurm/read-queue.ts'

test('lines of squeue are read, whatever stands in a reason, and others’ lines are left out', () => {
  const text = [
    '12|12|N/A|PENDING|1795422418||store-1|a-0123456789-1|ReqNodeNotAvail, UnavailableNodes:node1|x',
    '14|13_3|3|RUNNING|1795422417|node[1-2]|store-1|orc-1|None',
    '15|15|N/A|PENDING|N/A|(null)|(null)|a job with a | in its name|Resources',
    'slurm_load_jobs error: something',
    '',
  ].join('\n')
  expect(readQueue(text)).toEqual([
    {
      number: '12',
      id: '12',
      task: null,
      state: 'PENDING',
      startsAt: 1795422418000,
      nodes: '',
      comment: 'store-1',
      name: 'a-0123456789-1',
      reason: 'ReqNodeNotAvail, UnavailableNodes:node1|x',
    },
    {
      number: '14',
      id: '13_3',
      task: 3,
      state: 'RUNNING',
      startsAt: 1795422417000,
      nodes: 'node[1-2]',
      comment: 'store-1',
      name: 'orc-1',
      reason: 'None',
    },
    {
      number: '15',
      id: '15',
      task: null,
      state: 'PENDING',
      startsAt: null,
      nodes: '',
      comment: '(null)',
      name: 'a job with a ',
      reason: ' in its name|Resources',
    },
  ])
})

test.each([
  ['', []],
  ['node1', ['node1']],
  ['node[1-3,7]', ['node1', 'node2', 'node3', 'node7']],
  ['gpu-a[08-10],login', ['gpu-a08', 'gpu-a09', 'gpu-a10', 'login']],
  ['r[1-2]n[1-2]', ['r1n1', 'r1n2', 'r2n1', 'r2n2']],
  ['odd[x-y]', ['odd[x-y]']],
])('%j names %j', (list, names) => {
  expect(hostNames(list)).toEqual(names)
})
