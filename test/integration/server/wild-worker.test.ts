import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { AttemptTail } from '../../../orchestrator/server/attempt-tail.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'

const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), 'wild-'))
  onTestFinished(() => rm(made, { recursive: true }))
  return made
}

test('a worker that prints far more than its log may hold, and writes rubbish among its events gets its result', async () => {
  const wild = `
raw = open(f"{here}/events.{rank}.jsonl", "ab", buffering=0)
for rubbish in (b"rubbish\\n", b'{"t": 1, "type": "metric", "name": "loss", "value": 1e400}\\n', b"\\xff\\xfe\\x00\\n",
                b"x" * (8 << 20) + b"\\n", b'{"t": 1, "type": "progress", "step": NaN}\\n'):
    raw.write(rubbish)
line = "y" * 1023 + "\\n"
for _ in range(256):
    sys.stdout.write(line * 1024)
sys.stdout.write("the last line\\n")
`
  const file = await writeWorker(
    await folder(),
    (source) => source.replace('numbers = count()', `${wild}\nnumbers = count()`),
    '  numbers: { entry: count, with: { steps: 4 } }',
  )
  const state = await makeState()
  const { client } = await startDaemon(state)
  const view = await until(client, (await submitFile(client, file)).run, ended)
  expect(view.jobs[0]).toMatchObject({ state: 'succeeded', metrics: { even: { k: 2, n: 4 } } })
  const { attemptList } = await client.job('numbers', view.run)
  const log = join(attemptList[0]?.directory ?? '', 'stdout.0.log')
  expect((await stat(log)).size).toBeLessThan(17 << 20)
  const text = await readFile(log, 'utf8')
  expect(text).toMatch(/^\[… [\d,]{10,} bytes dropped here: the log keeps [\d,]+ …\]$/m)
  expect(text.endsWith('the last line\n')).toBe(true)
})

test('a line of events of 1 GB costs no memory, and the lines after it are read', async () => {
  const made = await folder()
  const path = join(made, 'events.0.jsonl')
  await writeFile(path, '')
  await truncate(path, 1 << 30) // a hole: it reads as zeros
  await appendFile(path, '\n{"t":1,"type":"progress","step":8,"of":9,"unit":"steps"}\n')
  const tail = new AttemptTail({ directory: made, writes: 'told' }, (line) => line)
  const before = process.memoryUsage().rss
  await tail.read()
  expect(tail.log).toMatchObject({ garbage: 1, progress: { step: 8 } })
  expect(process.memoryUsage().rss - before).toBeLessThan(256 << 20)
})

test('a job.json that was changed after the launch is one error for who asks for it', async () => {
  const file = await writeWorker(await folder(), (source) => source, '  numbers: { entry: count }')
  const { client } = await startDaemon(await makeState())
  const view = await until(client, (await submitFile(client, file)).run, ended)
  const [attempt] = (await client.job('numbers', view.run)).attemptList
  if (!attempt) throw new Error('no attempt')
  for (const text of ['{"protocol": 1, "ranks": "two"}', '{', '']) {
    await writeFile(join(attempt.directory, 'job.json'), text)
    await expect(client.attempt(attempt.attempt)).rejects.toMatchObject({ code: 'JOB_FILE_INVALID' })
  }
  expect((await client.run(view.run)).state).toBe('succeeded')
})
