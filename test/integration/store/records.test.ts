import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { getBlob, materialiseCode, missingBlobs, putBlob } from '../../../orchestrator/store/code.ts'
import { takeControl, untilFree } from '../../../orchestrator/store/control.ts'
import { filesystemStore } from '../../../orchestrator/store/filesystem.ts'
import { appendSegment, listJournals, readJournal } from '../../../orchestrator/store/journal.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import { listPins, pin, unpin } from '../../../orchestrator/store/pins.ts'
import type { Store } from '../../../orchestrator/store/store.ts'
import { cacheIn, entriesOf } from '../../support/host-cache.ts'
import { describeEachStore } from './each-store.ts'

const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')
const unexpected = (error: unknown) => {
  throw error
}
const told = {
  // Not thrown to who beats, which goes on whatever comes of it.
  beat: (error: unknown) => void (error && queueMicrotask(() => unexpected(error))),
  lost: () => {},
}

const here = { stateDir: join(tmpdir(), 'here'), host: hostname(), pid: 1 }
const there = { ...here, stateDir: join(tmpdir(), 'there'), pid: 2 }
const refused = { code: 'STORE_OWNED', message: expect.stringContaining(`${here.stateDir} on ${here.host} (pid 1)`) }

describeEachStore(({ open, reopen, scratch }) => {
  test('code is kept by its hash and laid out once, read-only, scripts ready to run', async () => {
    const store = await open()
    const files = { 'pkg/main.py': 'print(1)', 'pkg/deep/er.py': '', 'run.sh': '#!/bin/sh\n' }
    const digests = Object.values(files).map(sha256)
    expect(await missingBlobs(store, digests)).toEqual(digests)
    for (const body of Object.values(files)) expect(await putBlob(store, body, sha256(body))).toBe(sha256(body))
    expect(await missingBlobs(store, [...digests, 'f'.repeat(64)])).toEqual(['f'.repeat(64)])
    expect((await getBlob(store, sha256('print(1)')))?.toString()).toBe('print(1)')

    const code = {
      digest: 'd'.repeat(64),
      files: Object.fromEntries(Object.entries(files).map(([path, body]) => [path, sha256(body)])),
    }
    const snapshots = scratch()
    const paths = await Promise.all(
      Array.from({ length: 3 }, () => materialiseCode(store, code, cacheIn(snapshots), 'a-1')),
    )
    expect(paths).toEqual(Array(3).fill(join(snapshots, code.digest)))
    expect(await entriesOf(snapshots)).toEqual([code.digest])
    expect(await readFile(join(snapshots, code.digest, 'pkg/main.py'), 'utf8')).toBe('print(1)')
    expect((await stat(join(snapshots, code.digest, 'pkg/main.py'))).mode & 0o777).toBe(0o444)
    expect((await stat(join(snapshots, code.digest, 'run.sh'))).mode & 0o777).toBe(0o555)
  })

  test('code that is not what its hash says, is missing, or would leave its folder is refused', async () => {
    const store = await open()
    const layOut = (path: string, digest: string) =>
      materialiseCode(store, { digest: 'd'.repeat(64), files: { [path]: digest } }, cacheIn(scratch()), 'a-1')
    await expect(putBlob(store, 'a', sha256('b'))).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(layOut('a', sha256('a'))).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    await store.put(layout.blob(sha256('a')), 'b')
    await expect(layOut('a', sha256('a'))).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    await putBlob(store, 'c')
    for (const path of ['../a', '/etc/a', 'a/../../b'])
      await expect(layOut(path, sha256('c'))).rejects.toMatchObject({ code: 'KEY_INVALID' })
  })

  test('pins are kept by run, and gone when the run lets go', async () => {
    const store = await open()
    await pin(store, 'r-aaaaa', ['1', '2'])
    await pin(store, 'r-bbbbb', ['2'])
    await pin(store, 'r-aaaaa', ['1', '2', '3'])
    const pinned = async () => [...(await listPins(store))].map(([run, { jobs }]) => [run, jobs])
    expect(await pinned()).toEqual([
      ['r-aaaaa', ['1', '2', '3']],
      ['r-bbbbb', ['2']],
    ])
    await unpin(store, 'r-aaaaa')
    await unpin(store, 'r-aaaaa')
    expect(await pinned()).toEqual([['r-bbbbb', ['2']]])
  })

  test('a journal comes back in order, whatever was written twice', async () => {
    const store = await open()
    const event = (n: number) => ({ type: 'thing', n, text: 'line\nbreak' })
    const events = Array.from({ length: 12 }, (_, n) => event(n))
    await appendSegment(store, 'job/abc', 0, events.slice(0, 2))
    await appendSegment(store, 'job/abc', 2, [])
    await appendSegment(store, 'job/abc', 2, events.slice(2, 3))
    await appendSegment(store, 'job/abc', 2, events.slice(2, 10)) // again, more having come meanwhile
    await appendSegment(store, 'job/abc', 2, events.slice(2, 4)) // again, the answer to the one before got lost
    await appendSegment(store, 'job/abc', 9, events.slice(9, 12)) // overlapping
    await appendSegment(store, 'run/r-aaaaa', 0, [event(0)])
    expect(await readJournal(store, 'job/abc')).toEqual(events)
    expect(await readJournal(store, 'job/none')).toEqual([])
    expect(await listJournals(store, 'job')).toEqual(['job/abc'])
    expect(await listJournals(store, 'run')).toEqual(['run/r-aaaaa'])
  })

  test('a journal with a gap, or written by two hands, is not taken for whole', async () => {
    const store = await open()
    await appendSegment(store, 'job/abc', 0, [1])
    await appendSegment(store, 'job/abc', 2, [3])
    await expect(readJournal(store, 'job/abc')).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    await expect(appendSegment(store, 'job/abc', 0, [2])).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
  })

  test('a store has one control plane: another is refused and told the name of the first', async () => {
    const store = await open()
    const control = await takeControl(store, here, told)
    expect(control.epoch).toBe(1)
    await expect(takeControl(await reopen(store), there, told)).rejects.toMatchObject(refused)
    expect(await control.stillOwner()).toBe(true)
    await control.release()
  })

  test('a store that was released can be taken by anybody at once', async () => {
    const store = await open()
    await (await takeControl(store, here, told)).release()
    const control = await takeControl(store, there, told)
    expect(control.epoch).toBe(2)
    await control.release()
  })

  test('the same state directory takes the next epoch at once, and the one before knows that it is over', async () => {
    const store = await open()
    const first = await takeControl(store, here, told)
    const second = await takeControl(await reopen(store), { ...here, pid: 3 }, told)
    expect([first.epoch, second.epoch]).toEqual([1, 2])
    expect([await first.stillOwner(), await second.stillOwner()]).toEqual([false, true])
    await first.release() // of its own epoch: the second stays the owner
    await expect(takeControl(store, there, told)).rejects.toMatchObject({ code: 'STORE_OWNED' })
    await second.release()
  })

  test('of many that take a released store at once one gets it', async () => {
    const store = await open()
    await (await takeControl(store, here, told)).release()
    const many = Array.from({ length: 8 }, (_, pid) => ({ ...here, stateDir: `/${pid}`, pid }))
    const outcomes = await Promise.allSettled(many.map((owner) => takeControl(store, owner, told)))
    const [winner, ...others] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    expect(others).toEqual([])
    expect(winner?.epoch).toBe(2)
    await winner?.release()
  })
})

test('one who waits behind an owner is told its name, and that it has let go', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'store-'))
  const store = filesystemStore(folder)
  const control = await takeControl(store, here, told)
  const follows = Promise.withResolvers<object>()
  const free = untilFree(store, there, follows.resolve)
  expect(await follows.promise).toMatchObject(here)
  await control.release()
  await free
  await rm(folder, { recursive: true })
})

test('an owner that is cut off from the store is replaced after a long silence, and finds out', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'store-'))
  const store = filesystemStore(folder)
  let cut = false
  const put: Store['put'] = (key, body) => (cut ? Promise.reject(new Error('cut off')) : store.put(key, body))
  let lost = 0
  const silent = await takeControl({ ...store, put }, here, { beat: () => {}, lost: () => lost++ })
  cut = true
  const age = async (seconds: number) => {
    const then = new Date(Date.now() - seconds * 1000)
    await utimes(join(folder, layout.heartbeat(1)), then, then)
  }
  await age(10)
  await expect(takeControl(store, there, told)).rejects.toMatchObject(refused)
  await age(16)
  const control = await takeControl(store, there, told)
  await silent.awake() // it doesn't know yet, and has no reason to ask
  expect(await silent.stillOwner()).toBe(false)
  expect(lost).toBe(1)
  cut = false
  for (const ask of [silent.awake, silent.ensure])
    await expect(ask()).rejects.toMatchObject({ code: 'CONTROL_LOST', exit: 4 })
  await Promise.all([control.release(), silent.release()])
  await rm(folder, { recursive: true })
})
