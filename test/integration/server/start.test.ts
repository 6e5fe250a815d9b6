import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { bare, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, submitStages, writeWorker } from '../../support/pipelines.ts'

test('a state directory that cannot be made is said in one error', async () => {
  const state = await makeState()
  await writeFile(join(state, 'file'), '')
  for (const folder of [join(state, 'file', 'inside'), '/proc/nowhere/state'])
    await expect(startDaemon(folder)).rejects.toMatchObject({ code: 'STATE_UNWRITABLE', exit: 4 })
})

test('a store that cannot be written is said in one error', async () => {
  const state = await makeState()
  await writeFile(join(state, 'file'), '')
  for (const folder of [`${state}/file/store`, '/proc/nowhere/store'])
    await expect(startDaemon(state, { ORCHESTRATE_STORE: `file://${folder}` })).rejects.toMatchObject({
      code: 'STORE_UNWRITABLE',
      exit: 4,
    })
})

test('a Redis that is not there is said in one error', async () => {
  await expect(startDaemon(await makeState(), { REDIS_URL: 'redis://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'REDIS_UNREACHABLE',
    exit: 4,
  })
})

test('a port in use is said in one error', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  await expect(startDaemon(await makeState(), {}, ['--port', String(port)])).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    exit: 4,
  })
})

test('a Python that is not there fails the job with what to do, and nothing hangs', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_PYTHON: '/nowhere/python' })
  const { run } = await submitStages(client, '  first: { entry: count, retry: { crashes: 1 } }')
  const view = await until(client, run, ended)
  expect(view.jobs[0]?.error).toMatchObject({ code: expect.stringMatching(/PYTHON_MISSING|LAUNCH_FAILED/) })
})

test('what can never be placed is refused with its place in the file', async () => {
  const { client } = await startDaemon(await makeState(), { ORCHESTRATE_CORES: '2' })
  await expect(submitStages(client, '  first: { entry: count, resources: { cores: 64 } }')).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    problems: [expect.objectContaining({ line: 5, message: 'first: needs 64 cores; pool local has 2' })],
  })
  expect(await client.runs()).toEqual([])
})

test('an on-demand daemon ends when it has nothing to do', async () => {
  const daemon = await startDaemon(await makeState(), { ORCHESTRATE_IDLE_S: '1' })
  await daemon.exited
  expect(daemon.process.exitCode).toBe(0)
})

test('a secret reaches the worker and is nowhere in what the run leaves behind', async () => {
  const planted = 'hunter2-planted-secret'
  const state = await makeState()
  const leak =
    'secret = json.load(open(job["secrets"]))["PLANTED"]\nprint("my secret is", secret)\nprint(secret, file=sys.stderr)\ntell("warning", message="it is " + secret)\n'
  const file = await writeWorker(
    state,
    (source) => source.replace('signal.signal(', `${leak}signal.signal(`),
    '  first: { entry: count }',
    'secrets: [PLANTED]',
  )
  const daemon = await startDaemon(join(state, 'state'))
  process.env.PLANTED = planted
  onTestFinished(() => void delete process.env.PLANTED)
  const { run } = await submitFile(daemon.client, file)
  const view = await until(daemon.client, run, ended)
  expect(view.state).toBe('succeeded')
  const log = await daemon.client.job('first', run)
  expect(await readFile(join(log.attemptList[0]?.directory ?? '', 'stdout.0.log'), 'utf8')).toContain('my secret is ')
  await daemon.stop()
  expect(await filesWith(state, planted)).toEqual([])
})

/** Files below a folder that hold a text, by grep: what it finds, a thief would. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const grep = spawn('grep', ['-rlF', '--', text, folder], { env: bare() })
  const chunks: Buffer[] = []
  grep.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(grep, 'close')
  return Buffer.concat(chunks).toString().split('\n').filter(Boolean)
}
