import { expect, test } from 'vitest'
import type { EngineEnd } from '../../../orchestrator/protocol/engine-end.ts'
import type { AttemptExit, RankExit } from '../../../orchestrator/protocol/exit-record.ts'
import { policyOf } from '../../../orchestrator/run/after-exit.ts'
import { classifyExit, type ExitFacts } from '../../../orchestrator/run/classify-exit.ts'

const GiB = 2 ** 30

function rank(end: number | string, patch: Partial<RankExit> = {}): RankExit {
  const [code, signal] = typeof end === 'number' ? [end, null] : [null, end]
  return { rank: 0, code, signal, startedAt: 0, endedAt: 1, peakRss: GiB, oomKilled: false, ...patch }
}

function exit(ranks: RankExit[], patch: Partial<AttemptExit> = {}): AttemptExit {
  return {
    attempt: 'a-1',
    cause: 'ranks',
    firstBad: ranks.find((one) => one.code !== 0)?.rank ?? null,
    ranks,
    peakMemory: null,
    startedAt: 0,
    endedAt: 1,
    message: null,
    code: null,
    nodes: [],
    ...patch,
  }
}

const facts = (patch: Partial<ExitFacts>): ExitFacts => ({
  exit: exit([rank(0)]),
  attempt: 'a-1',
  stopping: null,
  found: null,
  failed: null,
  committed: false,
  tail: '',
  memory: null,
  diskFull: false,
  ...patch,
})

const failed = (code: string) => ({ code, message: `it says ${code}`, hint: null, rank: 0 })
const noLauncher = (message: string, code: string | null = null) =>
  exit([], { cause: 'launcher', firstBad: null, message, code })

/** What happened, the class of end that it is, and the code of its error. */
const ends: [string, Partial<ExitFacts>, string, string?][] = [
  ['every rank ends with 0', {}, 'done'],
  ['one rank of two ends with 1', { exit: exit([rank(0), rank(1, { rank: 1 })]) }, 'crashed by worker', 'CRASHED'],
  [
    'a rank says why it fails',
    { exit: exit([rank(1)]), failed: failed('LOSS_NOT_FINITE') },
    'crashed by worker',
    'LOSS_NOT_FINITE',
  ],
  ['a rank fails without a word on a full disk', { exit: exit([rank(1)]), diskFull: true }, 'blocked', 'DISK_FULL'],
  [
    'a rank fails for a reason of its own on a full disk',
    { exit: exit([rank(1)]), failed: failed('DATA_WRONG'), diskFull: true },
    'crashed by worker',
    'DATA_WRONG',
  ],
  ['a rank breaks its memory', { exit: exit([rank('SIGSEGV')]) }, 'crashed by worker', 'CRASHED'],
  ['somebody kills a rank', { exit: exit([rank('SIGKILL')]) }, 'crashed by outside', 'CRASHED'],
  ['somebody ends a rank', { exit: exit([rank('SIGTERM')]) }, 'crashed by outside', 'CRASHED'],
  ['the launcher is killed', { exit: null }, 'crashed by outside', 'LAUNCHER_LOST'],
  ['the worker is misused', { exit: exit([rank(65)]), failed: failed('DATA_WRONG') }, 'misused', 'DATA_WRONG'],
  [
    'a host lacks data that the pipeline names',
    { exit: noLauncher('box-1 has no /data', 'INPUT_NOT_FOUND') },
    'misused',
    'INPUT_NOT_FOUND',
  ],
  [
    'a host lacks an interpreter',
    { exit: noLauncher('box-1: no python', 'PYTHON_MISSING') },
    'crashed by outside',
    'PYTHON_MISSING',
  ],
  ['there is no such command', { exit: noLauncher('No such file or directory') }, 'misused', 'LAUNCH_FAILED'],
  ['the disk is full before the ranks start', { exit: noLauncher('no space', 'DISK_FULL') }, 'blocked', 'DISK_FULL'],
  ['somebody else has the GPU', { exit: noLauncher('in use', 'GPU_BUSY') }, 'blocked', 'GPU_BUSY'],
  ...['STORE_UNREACHABLE', 'STORE_DENIED', 'STORE_FULL', 'DISK_FULL'].map(
    (code): [string, Partial<ExitFacts>, string, string] => [
      `the worker meets ${code}`,
      { exit: exit([rank(74)]), failed: failed(code) },
      'blocked',
      code,
    ],
  ),
  [
    'a store that is away outlasts the time limit',
    { exit: exit([rank(74)], { cause: 'time' }), failed: failed('STORE_UNREACHABLE') },
    'blocked',
    'STORE_UNREACHABLE',
  ],
  ['a rank wants another try, having committed', { exit: exit([rank(75)]), committed: true }, 'preempted'],
  ['a rank wants another try for nothing', { exit: exit([rank(75)]) }, 'crashed by worker', 'NO_PROGRESS'],
  [
    'the time is over, something was committed',
    { exit: exit([rank(75)], { cause: 'time' }), committed: true },
    'preempted',
  ],
  [
    'the time is over, nothing was committed',
    { exit: exit([rank('SIGKILL')], { cause: 'time' }) },
    'crashed by outside',
    'TIME_LIMIT',
  ],
  ['the host asks it to end', { exit: exit([rank(75)], { cause: 'signal' }) }, 'preempted'],
  ['it is asked to stop', { exit: exit([rank(75)], { cause: 'signal' }), stopping: 'unwanted' }, 'stopped'],
  ['it is stopped at once', { exit: exit([rank('SIGKILL')], { cause: 'signal' }), stopping: 'now' }, 'stopped'],
  ['it hangs', { exit: exit([rank('SIGKILL')], { cause: 'signal' }), stopping: 'hung' }, 'hung', 'HUNG'],
  ['it ends well while asked to stop', { stopping: 'unwanted' }, 'done'],
  [
    'it uses more than it may',
    { exit: exit([rank('SIGKILL')], { cause: 'memory', peakMemory: 2 * GiB }), memory: GiB },
    'outOfMemory',
    'OUT_OF_MEMORY',
  ],
  ['the kernel kills it', { exit: exit([rank('SIGKILL', { oomKilled: true })]) }, 'outOfMemory', 'OUT_OF_MEMORY'],
  [
    'it says that its GPU is full',
    { exit: exit([rank(1)]), failed: failed('OUT_OF_MEMORY') },
    'outOfMemory',
    'OUT_OF_MEMORY',
  ],
]

test.each(ends)('%s', (_what, patch, kind, code) => {
  const outcome = classifyExit(facts(patch))
  expect(outcome.kind === 'crashed' ? `crashed by ${outcome.by}` : outcome.kind).toBe(kind)
  expect('error' in outcome ? outcome.error.code : undefined).toBe(code)
})

test('each class of ends has a policy of its own', () => {
  expect(policyOf).toEqual({
    done: 'collect',
    misused: 'fail',
    outOfMemory: 'fail',
    crashed: 'retry',
    hung: 'retry',
    stopped: 'replace',
    preempted: 'replace',
    nodeLost: 'replace',
    blocked: 'wait',
  })
})

const said = (patch: Partial<ExitFacts>) => {
  const outcome = classifyExit(facts(patch))
  return 'error' in outcome ? outcome.error : null
}

test('who runs out of memory is told the peak and what to do', () => {
  const over = exit([rank('SIGKILL')], { cause: 'memory', peakMemory: 12.1 * GiB })
  expect(said({ exit: over, memory: 12 * GiB })).toMatchObject({
    message: 'used 12.1 GiB of 12.0 GiB when it was killed',
    hint: 'raise resources.memory, or let the stage use less: a smaller batch, fewer data workers',
  })
  const kernel = exit([rank('SIGKILL', { oomKilled: true, peakRss: 11.8 * GiB })])
  expect(said({ exit: kernel })).toMatchObject({
    message: 'rank 0 used 11.8 GiB when the kernel killed it: no memory was left',
    hint: expect.stringContaining('where there is more memory'),
  })
  expect(said({ exit: kernel, memory: 12 * GiB })?.message).toContain('11.8 GiB of 12.0 GiB')
  const gpu = exit([rank(1, { peakRss: 3 * GiB })])
  expect(said({ exit: gpu, failed: failed('OUT_OF_MEMORY') })?.message).toBe(
    'it says OUT_OF_MEMORY (peak of main memory: 3.0 GiB)',
  )
})

test('a crash without words of its own is told by its exit and the last line of standard error', () => {
  expect(said({ exit: exit([rank(3)]), tail: 'Traceback\nValueError: no' })?.message).toBe(
    'rank 0 ended with exit code 3: ValueError: no',
  )
  expect(said({ exit: exit([rank('SIGSEGV')]) })?.message).toBe('rank 0 was killed by SIGSEGV')
})

/** What the engine says, what it makes of an attempt without a record, and of one whose rank was killed. */
const engineEnds: [EngineEnd['kind'], string, string][] = [
  ['preempted', 'preempted', 'preempted'],
  ['nodeLost', 'nodeLost', 'nodeLost'],
  ['time', 'crashed TIME_LIMIT', 'crashed TIME_LIMIT'],
  ['memory', 'outOfMemory OUT_OF_MEMORY', 'outOfMemory OUT_OF_MEMORY'],
  ['cancelled', 'crashed CANCELLED_OUTSIDE', 'crashed CANCELLED_OUTSIDE'],
  ['refused', 'misused LAUNCH_FAILED', 'misused LAUNCH_FAILED'],
]

test.each(engineEnds)('an end that the engine calls %s', (kind, without, killed) => {
  const end: EngineEnd = { kind, message: 'so it says', nodes: ['n1'] }
  const told = (patch: Partial<ExitFacts>) => {
    const outcome = classifyExit(facts({ end, ...patch }))
    return 'error' in outcome ? `${outcome.kind} ${outcome.error.code}` : outcome.kind
  }
  expect(told({ exit: null })).toBe(without)
  expect(told({ exit: exit([rank('SIGKILL')]) })).toBe(killed)
  // Whatever was said of its place: it had done its work, or we asked it to end.
  expect(told({})).toBe('done')
  expect(told({ exit: null, stopping: 'unwanted' })).toBe('stopped')
})

test('a time limit of the place after a commit is a turn that is over, and a lost node is named', () => {
  const end: EngineEnd = { kind: 'time', message: 'ran into the time limit', nodes: [] }
  expect(classifyExit(facts({ exit: null, end, committed: true }))).toEqual({ kind: 'preempted' })
  const lost: EngineEnd = { kind: 'nodeLost', message: 'node n1 failed', nodes: ['n1'] }
  expect(classifyExit(facts({ exit: null, end: lost }))).toEqual({
    kind: 'nodeLost',
    message: 'node n1 failed',
    nodes: ['n1'],
  })
  for (const code of ['NODE_BAD', 'NODE_LOST']) {
    const bad = exit([], { cause: 'launcher', message: 'n2: no GPU', code, nodes: ['n2'] })
    expect(classifyExit(facts({ exit: bad }))).toEqual({ kind: 'nodeLost', message: 'n2: no GPU', nodes: ['n2'] })
  }
})

test('what was found out about a hang before it was ended is what its error says', () => {
  const found = { code: 'HUNG', message: 'rank 1 was stopped', hint: null, rank: 1 }
  const killed = exit([rank('SIGKILL')], { cause: 'signal' })
  expect(classifyExit(facts({ exit: killed, stopping: 'hung', found }))).toEqual({ kind: 'hung', error: found })
})
