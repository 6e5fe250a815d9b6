import { expect, test } from 'vitest'
import { readAccounting, readCompletions } from '../../../../orchestrator/engines/slurm/old-jobs.ts'

// As `sacct --parsable2 --allocations --duplicates` prints them (sacct(1)); 12 was given away again after a crash.
const accounting = [
  '12|12|COMPLETED|node1|None|somebody-else',
  '12|12|CANCELLED by 1000|None assigned|None|a-0123456789-1',
  '14|13_3|NODE_FAIL|node[1-2]|None|orchestrate-1',
].join('\n')

// As jobcomp/filetxt of Slurm 22.05 has written them, shortened.
const completions = [
  'JobId=12 UserId=root(0) GroupId=root(0) Name=somebody-else JobState=COMPLETED NodeList=node1 NodeCnt=1 ExitCode=0:0 ',
  'JobId=12 UserId=root(0) GroupId=root(0) Name=a-0123456789-1 JobState=FAILED NodeList=(null) NodeCnt=1 ExitCode=0:53 ',
].join('\n')

test('a job is found in the accounting by its number and its name, also as the task of an array', () => {
  expect(readAccounting(accounting, { id: '12', name: 'a-0123456789-1' })).toEqual({
    id: '12',
    state: 'CANCELLED',
    nodes: '',
    reason: 'None',
  })
  for (const id of ['14', '13_3'])
    expect(readAccounting(accounting, { id, name: 'orchestrate-1' })).toMatchObject({ state: 'NODE_FAIL', id })
  expect(readAccounting(accounting, { id: '12', name: 'a-0123456789-2' })).toBe(null)
  expect(readAccounting('', { id: '12', name: 'a-0123456789-1' })).toBe(null)
})

test('a job is found in the list of completions by its number and its name', () => {
  expect(readCompletions(completions, { id: '12', name: 'a-0123456789-1' })).toEqual({
    id: '12',
    state: 'FAILED',
    nodes: '',
    reason: 'RaisedSignal:53',
  })
  expect(readCompletions(completions, { id: '1', name: 'a-0123456789-1' })).toBe(null)
  expect(readCompletions(completions, { id: '12', name: 'a-0123456789' })).toBe(null)
})
