import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { testMounting } from '../../support/mount.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'

testMounting('a store that is full holds a run up, says so, and lets it go on when there is room', async () => {
  const state = await makeState()
  const disk = join(state, 'disk')
  await mkdir(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]))
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
