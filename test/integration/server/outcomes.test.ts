import { execFileSync } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { testMounting } from '../../support/mount.ts'
import { submitFile, submitStages, writeSavingPipeline, writeWorker } from '../../support/pipelines.ts'

test('who uses more memory than it may is ended, told how much it was, and not tried again', async () => {
  const state = await makeState()
  const greedy = (source: string) => source.replace('tell("hello"', 'held = b"x" * (300 << 20)\ntell("hello"')
  const stages =
    '  first: { entry: count, with: { steps: 100000, delay_ms: 20 }, resources: { memory: 200MiB }, retry: { crashes: 5 } }'
  const file = await writeWorker(state, greedy, stages)
  const { client } = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(client, file)
  const view = await until(client, run, ended)
  expect(view.jobs).toMatchObject([{ state: 'failed', attempts: 1, error: { code: 'OUT_OF_MEMORY' } }])
  expect(view.jobs[0]?.error?.message).toMatch(/^used \d+(\.\d+)? MiB of 200 MiB when it was killed$/)
  expect((await client.why('first', run)).next[0]).toMatch(/^raise resources.memory/)
})

test('who crashes twice at the same step is not tried a third time, and why says where', async () => {
  const { client } = await startDaemon(await makeState())
  const stages = '  first: { entry: count, with: { fail_at: 2 }, retry: { crashes: 5, backoff: 100ms } }'
  const { run } = await submitStages(client, stages)
  const view = await until(client, run, ended)
  expect(view.jobs).toMatchObject([{ state: 'failed', attempts: 2, error: { code: 'CRASH_LOOP' } }])
  const why = await client.why('first', run)
  expect(why.sentence).toMatch(/crashed twice at step 2 \(attempts a-\w+-1, a-\w+-2\): ASKED_TO: fail_at is 2/)
  expect(
    why.evidence.filter((line) => /crashed: fail_at is 2 \(ASKED_TO\); after \d+ s, at step 2/.test(line)),
  ).toHaveLength(2)
})

test('a training longer than its time limit goes on from turn to turn, and spends no retry', async () => {
  const { client } = await startDaemon(await makeState())
  const train = '  train: { entry: train, with: { steps: 120, delay_ms: 50 }, checkpoint: { every: 1 step },'
  const file = await writeSavingPipeline(`${train} resources: { time: 4s }, retry: { crashes: 1 } }`)
  const { run } = await submitFile(client, file)
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
  const { attemptList } = await client.job('train', run)
  expect(attemptList.length).toBeGreaterThan(1)
  expect(attemptList.map(({ outcome }) => outcome)).toEqual([...attemptList.slice(1).map(() => 'preempted'), 'done'])
})

test('whose store is away waits for it, says so, and spends no retry', async () => {
  const state = await makeState()
  const gate = join(state, 'store-is-back')
  const failing = `if not os.path.exists("${gate}"):
    tell("failed", code="STORE_UNREACHABLE", message="the store does not answer")
    sys.exit(74)
numbers = count()`
  const cut = (source: string) => source.replace('numbers = count()', failing)
  const file = await writeWorker(state, cut, '  first: { entry: count, retry: { crashes: 1 } }')
  const { client } = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(client, file)
  const held = await until(client, run, (view) => /STORE_UNREACHABLE/.test(view.jobs[0]?.waits?.reason ?? ''))
  expect(held.jobs[0]?.waits?.reason).toBe('the store does not answer (STORE_UNREACHABLE); tries again')
  const first = (await client.job('first', run)).attemptList[0]
  expect(held.jobs[0]?.waits).toMatchObject({ since: first?.endedAt, until: expect.any(Number) })
  expect((await client.why('first', run)).sentence).toMatch(
    /^first waits: the store does not answer \(STORE_UNREACHABLE\); tries again at 20/,
  )
  await writeFile(gate, '')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
  const outcomes = (await client.job('first', run)).attemptList.map(({ outcome }) => outcome)
  expect(outcomes).toEqual([...outcomes.slice(1).map(() => 'blocked'), 'done'])
})

testMounting('where there is no room for attempts they wait for it, and spend no retry', async () => {
  const state = await makeState()
  const disk = await smallDisk(join(state, 'attempts'), '64k')
  await writeFile(join(state, 'attempts', 'filler'), Buffer.alloc(64 << 10))
  const { client } = await startDaemon(state)
  const { run } = await submitStages(client, '  first: { entry: count, retry: { crashes: 1 } }')
  await until(client, run, (view) => /DISK_FULL/.test(view.jobs[0]?.waits?.reason ?? ''))
  disk.grow('16m')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
})

testMounting('a worker that fills the disk, and has no room left to say so, goes on when there is room', async () => {
  const state = await makeState()
  const disk = await smallDisk(join(state, 'state', 'attempts'), '1m')
  const large = (source: string) =>
    source.replace('    tell("artifact"', '        file.write("0\\n" * (4 << 20))\n    tell("artifact"')
  const file = await writeWorker(state, large, '  first: { entry: count, retry: { crashes: 1 } }')
  const { client } = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(client, file)
  const held = await until(client, run, (view) => /DISK_FULL/.test(view.jobs[0]?.waits?.reason ?? ''))
  expect(held.jobs[0]?.waits?.reason).toMatch(/no space was left on the disk/)
  disk.grow('64m')
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded' })
})

async function smallDisk(folder: string, size: string): Promise<{ grow: (size: string) => void }> {
  await mkdir(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
  return { grow: (more) => void execFileSync('mount', ['-o', `remount,size=${more}`, folder]) }
}

test('what an attempt has in its scratch folder goes with it, also when it was killed', async () => {
  const state = await makeState()
  const killed = `os.mkdir(f"{here}/scratch")
open(f"{here}/scratch/half", "w").close()
os.kill(os.getpid(), signal.SIGKILL)`
  const edit = (source: string) => source.replace('numbers = count()', `${killed}\nnumbers = count()`)
  const file = await writeWorker(state, edit, '  first: { entry: count, retry: { crashes: 1 } }')
  const { client } = await startDaemon(join(state, 'state'))
  const { run } = await submitFile(client, file)
  await until(client, run, ended)
  const { directory = '' } = (await client.job('first', run)).attemptList[0] ?? {}
  await expect.poll(() => readdir(directory)).not.toContain('scratch')
  expect(await readdir(directory)).toContain('job.json')
})
