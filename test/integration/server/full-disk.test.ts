import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { openLog } from '../../../orchestrator/server/open-log.ts'
import { ended, endState, makeState, startDaemon, until } from '../../support/daemon.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { testMounting } from '../../support/mount.ts'
import { submitFile, submitStages, writeWorker } from '../../support/pipelines.ts'

/** A small file system of the test's own, below the folder. */
async function smallDisk(folder: string, size: string): Promise<string> {
  const disk = join(folder, 'disk')
  await mkdir(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]))
  return disk
}

/** Takes all the room that is left; call the result to give it back. */
async function fill(disk: string): Promise<() => Promise<void>> {
  const filler = join(disk, 'filler')
  const { bavail, bsize } = await statfs(disk)
  await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => {}) // others write meanwhile
  return () => rm(filler)
}

testMounting('a store that is full holds a run up, says so, and lets it go on when there is room', async () => {
  const state = await makeState()
  const disk = await smallDisk(state, '4m')
  const large = (source: string) =>
    source.replace('    tell("artifact"', '        file.write("0\\n" * (4 << 20))\n    tell("artifact"')
  const file = await writeWorker(state, large, '  first: { entry: count }')
  const { client } = await startDaemon(join(state, 'state'), { ORCHESTRATE_STORE: `file://${disk}/store` })
  const { run } = await submitFile(client, file)
  const held = await until(client, run, (view) => /STORE_FULL/.test(view.jobs[0]?.waits?.reason ?? ''))
  expect(held.state).toBe('running')
  expect((await client.why('first', run)).sentence).toMatch(/STORE_FULL/)
  execFileSync('mount', ['-o', 'remount,size=64m', disk])
  expect(await until(client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
})

testMounting(
  'a store that can not be written is said with since when, also while there is nothing to write',
  async () => {
    const folder = await makeState()
    const disk = await smallDisk(folder, '4m')
    const { client } = await startDaemon(join(folder, 'state'), { ORCHESTRATE_STORE: `file://${disk}/store` })
    const troubles = async () => (await client.health()).troubles
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const since = Date.now()
    await expect.poll(troubles).toMatchObject([{ code: 'STORE_UNWRITABLE' }])
    expect((await troubles())[0]?.since).toBeGreaterThanOrEqual(since)
    execFileSync('mount', ['-o', 'remount,rw', disk])
    await expect.poll(troubles).toEqual([])
  },
)

testMounting(
  'a state directory without room holds a run up, says so, and lets it go on by itself when there is room',
  async () => {
    const folder = await makeState()
    const disk = await smallDisk(folder, '48m')
    const state = join(disk, 'state')
    onTestFinished(() => endState(state))
    const { client } = await startDaemon(state) // its Redis, its log, the attempts and the store: all on one disk
    const { run } = await submitStages(
      client,
      `
  first: { entry: count, with: { steps: 300, delay_ms: 10 } }
  other: { entry: count, with: { steps: 200, delay_ms: 10 } }
  second: { entry: join, inputs: { numbers: first.numbers } }`,
    )
    await until(client, run, (view) => view.jobs.some((job) => job.progress !== null))
    const makeRoom = await fill(disk)
    const said = (view: RunView): string[] => [
      ...view.troubles.map(({ code }) => code),
      ...view.jobs.map(({ waits }) => waits?.reason ?? ''),
    ]
    const held = await until(client, run, (view) => said(view).some((text) => /_FULL|UNWRITABLE/.test(text)))
    expect(held.state).toBe('running')
    await makeRoom()
    expect(await until(client, run, ended)).toMatchObject({
      state: 'succeeded',
      jobs: [{}, {}, { metrics: { even: { k: 150, n: 300 } } }],
    })
    await expectInvariants({ client })
  },
)

testMounting(
  'the log of a daemon ends nothing when its disk is full, and has what came then once there is room',
  async () => {
    const disk = await smallDisk(await makeState(), '1m')
    const { log, file } = openLog(disk)
    const flushed = () => new Promise<Error | undefined>((resolve) => log.flush(resolve))
    log.info('before')
    await flushed()
    const makeRoom = await fill(disk)
    log.info({ much: 'x'.repeat(100_000) }, 'without room')
    await flushed()
    const read = async () => (await readFile(file, 'utf8')).trimEnd().split('\n')
    expect(await read()).not.toContainEqual(expect.stringContaining('without room'))
    await makeRoom()
    log.info('after')
    await expect.poll(read).toHaveLength(3)
    const lines = await read()
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['before', 'without room', 'after'])
  },
)
