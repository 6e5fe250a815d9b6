import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { untilExists } from '../../support/files.ts'
import { freshOrchestrate } from './orchestrate.ts'

test('many clients at once start one daemon, and stop ends it', async () => {
  const { orchestrate } = await freshOrchestrate()
  const all = await Promise.all([1, 2, 3].map(() => orchestrate('status', '--json')))
  expect(all.map(({ stdout, stderr, exitCode }) => ({ stdout, stderr, exitCode }))).toEqual(
    Array(3).fill({ stdout: '{"runs":[],"hosts":[],"troubles":[]}', stderr: '', exitCode: 0 }),
  )
  expect((await orchestrate('stop')).stdout).toBe('the daemon has ended; attempts go on')
  expect((await orchestrate('stop')).stdout).toBe('no daemon runs')
})

test('serve listens on an address, and a client elsewhere is the same client', async () => {
  const port = await freePort()
  const { state, orchestrate } = await freshOrchestrate()
  const serving = orchestrate('serve', '--port', String(port))
  await untilExists(`${state}/daemon.json`)
  const remote = await orchestrate('status', '--json', '--server', `http://127.0.0.1:${port}`)
  expect(remote.stdout).toBe('{"runs":[],"hosts":[],"troubles":[]}')
  serving.kill('SIGINT')
  expect(await serving).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`at http://127.0.0.1:${port}`) })
})

test.each([
  ['a Redis that refuses', { REDIS_URL: 'redis://127.0.0.1:1' }, 'REDIS_UNREACHABLE'],
  ['a store whose address makes no sense', { ORCHESTRATE_STORE: 'ftp://x/y' }, 'ARGUMENT_INVALID'],
  ['a store that can not be written', { ORCHESTRATE_STORE: 'file:///dev/null/store' }, 'STORE_UNWRITABLE'],
])(
  '%s is one coded error of the daemon, told by the client, and leaves nothing running',
  async (_name, env: Record<string, string>, code) => {
    const { orchestrate } = await freshOrchestrate(env)
    const { stderr, stdout, exitCode } = await orchestrate('status', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ error: { code, exit: exitCode } })
    expect(stderr).toContain(`(${code})`)
    expect(stderr).not.toMatch(/^ +at /m)
    expect((await orchestrate('stop')).stdout).toBe('no daemon runs')
  },
)

test('a port in use is an error of serve, with what to do', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { orchestrate } = await freshOrchestrate()
  const { stderr, exitCode } = await orchestrate('serve', '--port', String(port))
  server.close()
  expect(exitCode).toBe(4)
  expect(stderr).toContain('(PORT_IN_USE)\n  choose another with --port')
})

test('doctor finds what a run needs, and what is missing with the line to type', async () => {
  const fine = await freshOrchestrate()
  const { stdout } = await fine.orchestrate('doctor', '--json')
  const checks = Object.fromEntries(
    JSON.parse(stdout).checks.map((check: { name: string; state: string }) => [check.name, check.state]),
  )
  expect(checks).toMatchObject({ Node: 'ok', Redis: 'ok', store: 'ok', 'state directory': 'ok', daemon: 'absent' })

  const bad = await freshOrchestrate({ ORCHESTRATE_PYTHON: '/nowhere/python', REDIS_URL: 'redis://127.0.0.1:1' })
  const told = await bad.orchestrate('doctor')
  expect(told.exitCode).toBe(4)
  expect(told.stdout).toMatch(/✘ missing +Python +\/nowhere\/python is not there\n +npm run setup/)
  expect(told.stdout).toMatch(/✘ missing +Redis .*REDIS_UNREACHABLE/)
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
