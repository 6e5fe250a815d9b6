import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { socketPath } from '../../../orchestrator/ledger/socket-path.ts'

test('a socket lives in its state directory where the path is short enough', () => {
  expect(socketPath('/srv/state', 'daemon.sock')).toBe('/srv/state/daemon.sock')
})

test('else in a private folder that is always the same for a state directory, and another for another', () => {
  const long = join('/srv', 'ä'.repeat(60))
  const path = socketPath(long, 'daemon.sock')
  expect(path.startsWith(tmpdir())).toBe(true)
  expect(Buffer.byteLength(path)).toBeLessThan(104)
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
  expect(socketPath(long, 'daemon.sock')).toBe(path)
  expect(socketPath(`${long}2`, 'daemon.sock')).not.toBe(path)
})
