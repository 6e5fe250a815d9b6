import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeState, startDaemon } from '../../support/daemon.ts'

test('a machine without flock is one coded error that names the package', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'path-'))
  onTestFinished(() => rm(empty, { recursive: true }))
  await expect(startDaemon(await makeState(), { PATH: empty })).rejects.toMatchObject({
    code: 'FLOCK_MISSING',
    hint: 'apt-get install util-linux',
    exit: 4,
  })
})
