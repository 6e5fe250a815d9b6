import { expect, test } from 'vitest'
import { nameHang, type RankEvidence } from '../../../orchestrator/run/name-hang.ts'
import { readStacks } from '../../../orchestrator/run/stack.ts'

const site = '/venv/lib/python3.11/site-packages/torch'
const reduce = `  File "${site}/distributed/distributed_c10d.py", line 3252 in all_reduce
  File "${site}/distributed/c10d_logger.py", line 83 in wrapper
  File "/code/depthvla/runtime/distributed.py", line 60 in total
  File "<frozen runpy>", line 198 in _run_module_as_main`
const barrier = `  File "${site}/distributed/distributed_c10d.py", line 5090 in barrier
  File "/code/worker.py", line 8 in <module>`
const reading = `  File "/usr/lib/python3.11/selectors.py", line 415 in select
  File "/code/worker.py", line 20 in next_batch
  File "/code/worker.py", line 31 in <module>`
const stepping = `  File "/code/worker.py", line 40 in step
  File "/code/worker.py", line 41 in <module>`
const wrapped = `  File "/code/model.py", line 7 in forward
  File "${site}/distributed/fsdp/_fully_shard/_fsdp_state.py", line 62 in fsdp_hook_wrapper
  File "/code/worker.py", line 41 in <module>`
const idle = `  File "/usr/lib/python3.11/threading.py", line 331 in wait
  File "/usr/lib/python3.11/threading.py", line 1002 in _bootstrap`
const backward = `  File "${site}/autograd/graph.py", line 829 in _engine_run_backward
  File "${site}/_tensor.py", line 648 in backward
  File "/code/worker.py", line 41 in <module>`

/** A dump as faulthandler writes it: the main thread last. */
const dump = (main: string, ...others: string[]): string =>
  [
    ...others.map((stack, i) => `Thread 0x00007fca737fe6c${i} (most recent call first):\n${stack}\n`),
    `Current thread 0x00007fca9bdf5b80 (most recent call first):\n${main}\n`,
  ].join('\n')

const at = (rank: number, main: string | null, rest: Partial<RankEvidence> = {}): RankEvidence => ({
  rank,
  state: 'S',
  stacks: main === null ? null : readStacks(dump(main)),
  step: rank === 0 ? 40 : null,
  ...rest,
})

const waits = 'waits in all_reduce (distributed_c10d.py:3252)'

test.each<[what: string, evidence: RankEvidence[], rank: number | null, message: string]>([
  [
    'one rank: where it is',
    [at(0, reading)],
    0,
    'made no progress for 61 s, since step 40: it is in select (selectors.py:415)',
  ],
  [
    'one rank that gives no stack',
    [at(0, null, { step: null })],
    0,
    'made no progress for 61 s: it gave no stack when asked',
  ],
  [
    'one rank that was stopped',
    [at(0, null, { state: 'T' })],
    0,
    'made no progress for 61 s, since step 40: it was stopped by a signal (state T)',
  ],
  [
    'a stopped rank, while another waits',
    [at(0, reduce), at(1, null, { state: 'T' })],
    1,
    `rank 1 made no progress for 61 s, since step 40: it was stopped by a signal (state T), while rank 0 ${waits}`,
  ],
  [
    'a rank that does something else, while others wait',
    [at(0, reduce), at(1, reading), at(2, reduce)],
    1,
    `rank 1 made no progress for 61 s, since step 40: it is in select (selectors.py:415), while ranks 0, 2: each ${waits}`,
  ],
  [
    'a rank that gives no stack, while others do',
    [at(0, reduce), at(1, null)],
    1,
    `rank 1 made no progress for 61 s, since step 40: it gave no stack when asked, while rank 0 ${waits}`,
  ],
  [
    'a rank that waits for a disk',
    [at(0, null, { state: 'D' }), at(1, reduce)],
    0,
    `rank 0 made no progress for 61 s, since step 40: it waits for a device or file system (state D), while rank 1 ${waits}`,
  ],
  [
    'a rank that has ended, while another waits for it',
    [at(0, reduce), at(1, null, { state: 'gone' })],
    1,
    `rank 1 made no progress for 61 s, since step 40: it has ended, while rank 0 ${waits}`,
  ],
  [
    'a rank that hangs by itself after another has ended',
    [at(0, null, { state: 'gone' }), at(1, reading, { step: 7 })],
    1,
    'rank 1 made no progress for 61 s, since step 7: it is in select (selectors.py:415), while rank 0 has ended',
  ],
  [
    'two ranks that are stopped, while others wait',
    [at(0, reduce), at(1, null, { state: 'T' }), at(2, null, { state: 'T' })],
    1,
    `ranks 1, 2 made no progress for 61 s, since step 40: each was stopped by a signal (state T), while rank 0 ${waits}`,
  ],
  [
    'ranks that wait in different collectives: none is named',
    [at(0, reduce), at(1, barrier)],
    null,
    `made no progress for 61 s, since step 40: rank 0 ${waits}; rank 1 waits in barrier (distributed_c10d.py:5090)`,
  ],
  [
    'ranks that all wait in the same one: none is named',
    [at(0, reduce), at(1, reduce)],
    null,
    `made no progress for 61 s, since step 40: ranks 0, 1: each ${waits}`,
  ],
  [
    'the one rank that is alone where it is, where a GPU hides who waits',
    [at(0, stepping), at(1, stepping), at(2, reading), at(3, stepping)],
    2,
    'rank 2 made no progress for 61 s, since step 40: it is in select (selectors.py:415), while ranks 0, 1, 3: each is in step (worker.py:40)',
  ],
  [
    'a rank whose model is wrapped by torch.distributed does not wait',
    [at(0, reduce), at(1, wrapped)],
    1,
    `rank 1 made no progress for 61 s, since step 40: it is in forward (model.py:7), while rank 0 ${waits}`,
  ],
  [
    'a rank that waits going backward',
    [at(0, backward, { stacks: readStacks(dump(backward, idle, reduce)) }), at(1, reading)],
    1,
    `rank 1 made no progress for 61 s, since step 40: it is in select (selectors.py:415), while rank 0 ${waits}`,
  ],
])('%s', (_what, evidence, rank, message) => {
  expect(nameHang(evidence, 'for 61 s')).toMatchObject({ rank, message })
})

test('the stack of the named rank is kept', () => {
  expect(nameHang([at(0, reduce), at(1, stepping)], '').stack).toBe(
    'File "/code/worker.py", line 40, in step\nFile "/code/worker.py", line 41, in <module>',
  )
})

test('of several dumps, among whatever else was written, the last is read', () => {
  const text = `Traceback:\n  File "/x.py", line 1 in y\n${dump(reduce, idle)}${dump(stepping, idle)}some warning\n`
  expect(readStacks(text)?.map((stack) => stack[0]?.function)).toEqual(['wait', 'step'])
  expect(readStacks('a worker that knows nothing of stacks\n')).toBe(null)
})
