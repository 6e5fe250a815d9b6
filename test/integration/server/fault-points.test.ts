import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FaultPoint, faultPoints } from '../../../orchestrator/fault-point.ts'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import type { RunSubmitted } from '../../../orchestrator/run/run.ts'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { openRedis } from '../../../orchestrator/server/open-redis.ts'
import { readSettings } from '../../../orchestrator/server/settings.ts'
import { type Undo, unwind } from '../../../orchestrator/server/undo.ts'
import { listFences } from '../../../orchestrator/store/fences.ts'
import { filesystemStore } from '../../../orchestrator/store/filesystem.ts'
import { identityOf } from '../../../orchestrator/store/identity.ts'
import { listPins } from '../../../orchestrator/store/pins.ts'
import { bare, type Daemon, ended, endState, startDaemon, until } from '../../support/daemon.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'

/** One state directory for all: what one daemon leaves behind is the next one's to put right. */
let state: string
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'orc-'))
})
afterAll(() => endState(state))

const pipelines = {
  short: `
  first: { entry: count, shards: 2 }
  second: { entry: join, inputs: { numbers: first.numbers } }`,
  slow: '  slow: { entry: count, with: { steps: 100000, delay_ms: 20 } }',
}

/** In the order in which a run comes past them: one daemon leads it to the next point, and dies there. */
const points = (Object.keys(faultPoints) as FaultPoint[])
  .filter((point) => point !== 'stop-recorded' && point !== 'claim-revoked')
  .toSorted((a, b) => Number(diesAtStart(a)) - Number(diesAtStart(b)))

function diesAtStart(point: FaultPoint): boolean {
  return point === 'control-taken' || point === 'ledger-restored'
}

test('killed at each named step, one after the other: every run succeeds, and no worker was started twice', async () => {
  const all = new Map<string, Awaited<ReturnType<typeof pipeline>>>()
  for (const point of points) {
    const { file, ...rest } = await pipeline(point, 'short')
    all.set(point, { file, ...rest })
    // What it finds to do may lead it there before it answers; else a pipeline of its own does.
    const daemon = await startDaemon(state, { ORCHESTRATE_FAULT: point }).catch((error: unknown) => error)
    if (daemon instanceof Error) expect([point, daemon.message]).toEqual([point, expect.stringContaining('SIGKILL')])
    else await killed(daemon as Daemon, (await submitFile((daemon as Daemon).client, file).catch(() => null))?.run)
  }
  const last = await startDaemon(state)
  const runs = await last.client.runs()
  expect(runs.length).toBeGreaterThan(1)
  for (const { run, pipeline: name } of runs) {
    const view = await untilOver(last, run)
    expect([name, view.state, view.cells[0]?.metrics.even]).toEqual([name, 'succeeded', { k: 2, n: 3 }])
    expect([name, ...((await all.get(name)?.starts()) ?? []).toSorted()]).toEqual([
      name,
      'count 0',
      'count 1',
      'join 0',
    ])
    await expectTidy(last, view)
  }
  await expectInvariants(last)
  expect([...(await listPins(filesystemStore(join(state, 'store')))).keys()]).toEqual([])
  await last.stop()
})

test('killed at stop-recorded, the next control plane sends the signal', async () => {
  const { file, starts } = await pipeline('stop-recorded', 'slow')
  const first = await startDaemon(state, { ORCHESTRATE_FAULT: 'stop-recorded' })
  const { run } = await submitFile(first.client, file)
  await until(first.client, run, (view) => (view.jobs[0]?.progress?.step ?? 0) > 0)
  await first.client.cancel(run, 'now').catch(() => null)
  await killed(first, run)
  const second = await startDaemon(state)
  const view = await untilOver(second, run)
  expect(view.state).toBe('cancelled')
  expect(await starts()).toEqual(['count 0'])
  await expectTidy(second, view)
  await expectInvariants(second)
  await second.stop()
})

test('killed at claim-revoked, the next control plane knows that it never started', async () => {
  const { file, starts } = await pipeline('claim-revoked', 'slow')
  const first = await startDaemon(state, { ORCHESTRATE_FAULT: 'placed-recorded' })
  await submitFile(first.client, file).catch(() => null)
  await killed(first)
  const run = await withdrawLast()
  const second = await startDaemon(state, { ORCHESTRATE_FAULT: 'claim-revoked' }).catch(() => null)
  if (second) await killed(second, run)
  const third = await startDaemon(state)
  const view = await untilOver(third, run)
  expect(view.state).toBe('cancelled')
  expect(await starts()).toEqual([])
  await expectTidy(third, view)
  await expectInvariants(third)
  await third.stop()
})

/** A pipeline whose workers note when they start, outside of everything that the control plane knows. */
async function pipeline(name: string, stages: keyof typeof pipelines) {
  const folder = join(state, 'pipelines', name)
  await mkdir(folder, { recursive: true })
  const notes = join(folder, 'starts')
  await writeFile(notes, '')
  const note = `open(${JSON.stringify(notes)}, "a").write(f"{job['entry']} {job['shard']}\\n")\n`
  const edit = (source: string) => source.replace('signal.signal(', `${note}signal.signal(`)
  const file = await writeWorker(folder, edit, pipelines[stages])
  await writeFile(file, (await readFile(file, 'utf8')).replace('name: test', `name: ${name}`))
  const starts = async () => (await readFile(notes, 'utf8')).split('\n').filter(Boolean)
  return { file, starts }
}

/** It died at its fault point. A run that ends says that it never came there. */
async function killed({ client, process }: Daemon, run?: string): Promise<void> {
  const survived =
    run === undefined ? new Promise(() => {}) : until(client, run, ended).catch(() => new Promise(() => {}))
  if (process.signalCode === null && process.exitCode === null) await Promise.race([once(process, 'exit'), survived])
  expect(process.signalCode).toBe('SIGKILL')
}

/** Over, its report written, its pins let go: then nothing more is told of it. */
async function untilOver({ client }: Daemon, run: string): Promise<RunView> {
  await until(client, run, () => false).catch(() => {})
  return client.run(run)
}

/** Nothing is held for what is over, and fences follow each other. */
async function expectTidy({ client }: Daemon, { run, jobs, pools }: RunView): Promise<void> {
  for (const { free, all } of pools.flatMap(({ room }) => room)) expect(free).toBe(all)
  const store = filesystemStore(join(state, 'store'))
  expect((await listPins(store)).has(run)).toBe(false)
  for (const { key, shards } of jobs) {
    const { attemptList } = await client.job(key, run)
    for (let shard = 0; shard < shards.total; shard++) {
      const fences = await listFences(store, key, shard)
      expect(fences).toEqual(fences.map((_, index) => index + 1))
      const placed = attemptList.filter((attempt) => attempt.shard === shard).map((attempt) => attempt.fence)
      expect(placed).toEqual(fences.slice(fences.length - placed.length)) // one may be claimed and then not placed
    }
  }
}

/** Cancels the last run in the ledger that a killed daemon has left, and lets its job know, as one that got no further would have. */
async function withdrawLast(): Promise<string> {
  const log = pino({ level: 'silent' })
  const undo: Undo = []
  try {
    const identity = identityOf(filesystemStore(join(state, 'store')))
    const ledger = new Ledger((await openRedis(readSettings(bare(), { state }), identity, log, undo)).link)
    const append = async (aggregate: string, event: object) =>
      ledger.append(aggregate, await ledger.version(aggregate), [{ ...event, at: Date.now() }])
    const aggregate = (await ledger.aggregates('run')).at(-1) ?? ''
    const { run, jobs } = (await ledger.read(aggregate))[0] as RunSubmitted
    await append(aggregate, { type: 'run.cancelled', mode: 'now' })
    await append(`job/${jobs[0]}`, { type: 'job.unwanted', run, mode: 'now' })
    return run
  } finally {
    await unwind(undo, log)
  }
}
