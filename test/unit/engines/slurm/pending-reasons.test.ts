import { expect, test } from 'vitest'
import { reasonOf, whyPending } from '../../../../orchestrator/engines/slurm/pending-reasons.ts'
import { allReasons } from './all-reasons.ts'

test('every reason of Slurm has words of its own', () => {
  expect(allReasons.length).toBeGreaterThan(200)
  expect(allReasons.filter((reason) => reasonOf(reason) === null)).toEqual([])
})

test.each([
  ['Resources', 'waits'],
  ['Priority', 'waits'],
  ['ReqNodeNotAvail, UnavailableNodes:node[1-4]', 'waits'],
  ['Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions', 'waits'],
  ['JobHeldAdmin', 'held'],
  ['JobHeldUser', 'held'],
  ['JobHoldMaxRequeue', 'held'],
  ['launch failed requeued held', 'held'],
  ['job requeued in held state', 'held'],
  ['AssocGrpGRES', 'limited'],
  ['AssocMaxJobsLimit', 'limited'],
  ['QOSMaxGRESPerUser', 'limited'],
  ['QOSGrpCPURunMinutesLimit', 'limited'],
  ['MaxGRESPerAccount', 'limited'],
  ['MaxNodeRunMinsPerUser', 'limited'],
  ['QOSMaxWallDurationPerJobLimit', 'stuck'],
  ['AssocMaxGRESPerNode', 'stuck'],
  ['QOSMinGRES', 'stuck'],
  ['PartitionTimeLimit', 'stuck'],
  ['InvalidQOS', 'stuck'],
  ['MaxMemPerLimit', 'stuck'],
  ['None', 'starting'],
  ['RaisedSignal:53(Real-time_signal_19)', 'ended'],
])('%s: %s', (reason, kind) => {
  expect(reasonOf(reason)?.kind).toBe(kind)
})

test('what nobody knows is shown as Slurm says it', () => {
  expect(reasonOf('PhaseOfTheMoon')).toBe(null)
  expect(reasonOf('constructor')).toBe(null)
  expect(whyPending({ state: 'PENDING', reason: 'PhaseOfTheMoon', id: '7' })).toBe('Slurm: PhaseOfTheMoon')
  expect(whyPending({ state: 'SPECIAL_EXIT', reason: '', id: '7' })).toBe('Slurm: SPECIAL_EXIT')
})

test.each([
  [{ state: 'PENDING', reason: 'Resources', id: '7' }, 'Slurm: Resources: the nodes that it asks for are not free'],
  [
    { state: 'PENDING', reason: 'JobHeldUser', id: '7_3' },
    'Slurm: JobHeldUser: its user holds it; `scontrol release 7_3` lets it go, `scancel 7_3` ends it',
  ],
  [
    { state: 'PENDING', reason: 'launch failed requeued held', id: '7' },
    'Slurm: launch failed requeued held: Slurm could not launch it, has put it back, and holds it; `scontrol release 7` lets it go, `scancel 7` ends it',
  ],
  [
    { state: 'PENDING', reason: 'QOSMaxNodePerJobLimit', id: '7' },
    'Slurm: it asks for more, or less, than one job may (QOSMaxNodePerJobLimit); it will not start as it is: change the pool or its resources, or ask an administrator',
  ],
  [{ state: 'CONFIGURING', reason: 'None', id: '7' }, 'Slurm: CONFIGURING: its nodes are being made ready'],
])('%j', (job, words) => {
  expect(whyPending(job)).toBe(words)
})
