import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { ended, until } from '../../support/daemon.ts'
import { submitHeld } from '../../support/held.ts'
import { expectInvariants } from '../../support/invariants.ts'
import { submitFile, writeWorker } from '../../support/pipelines.ts'
import type { TlsRedis } from '../../support/tls-redis.ts'
import { makeLab, ranksIn } from './lab.ts'

const planted = 'hunter2-"planted"-secret'

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'orc-w-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

test('secrets reach a worker on another host, and pass through Redis in no form that anybody could read', async () => {
  const lab = await makeLab()
  const { client } = lab.daemon
  const agent = await lab.agent('box-1')
  const spy = await monitor(lab.redis)
  const leak = `
secret = json.load(open(job["secrets"]))["PLANTED"]
assert len(secret) == ${planted.length}
print("my secret is", secret, flush=True)
tell("warning", message="it is " + secret)
`
  const place = await folder()
  const file = await writeWorker(
    place,
    (source) => source.replace('signal.signal(', `${leak}signal.signal(`),
    '  first: { entry: count, with: { steps: 20, delay_ms: 20 }, pool: lab }',
    'secrets: [PLANTED]',
  )
  process.env.PLANTED = planted
  onTestFinished(() => void delete process.env.PLANTED)
  const { run } = await submitFile(client, file)
  expect((await until(client, run, ended)).state).toBe('succeeded')
  const [attempt] = (await client.job('first', run)).attemptList
  expect(await readFile(join(attempt?.directory ?? '', 'stdout.0.log'), 'utf8')).toContain('my secret is ')
  expect(await readFile(join(attempt?.directory ?? '', 'events.0.jsonl'), 'utf8')).toContain('it is ***')
  const heard = await spy.end()
  expect(heard).toContain('my secret is ') // so it did listen
  await lab.daemon.stop()
  for (const form of ['hunter2', Buffer.from('hunter2').toString('hex'), Buffer.from(planted).toString('base64')]) {
    expect(heard).not.toContain(form)
    for (const place of [lab.redis.folder, lab.state, lab.store, agent.state])
      expect(filesWith(place, form), `${form} in ${place}`).toEqual([])
  }
})

/** All that a Redis is asked, as its own MONITOR tells it. */
async function monitor({ port, password, env }: TlsRedis) {
  const ca = await readFile(env.ORCHESTRATE_REDIS_CA ?? '')
  const socket = connect({ port, host: '127.0.0.1', ca })
  await once(socket, 'secureConnect')
  const chunks: Buffer[] = []
  socket.on('data', (data: Buffer) => chunks.push(data))
  socket.write(`AUTH ${password}\r\nMONITOR\r\n`)
  return {
    end: async () => {
      socket.end()
      await once(socket, 'close')
      return Buffer.concat(chunks).toString('latin1')
    },
  }
}

const filesWith = (place: string, text: string): string[] =>
  execFileSync('sh', ['-c', 'grep -rlF -- "$1" "$2" || true', 'sh', text, place], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)

test('more is said than may wait in Redis, while nobody takes it: all of it arrives, and a log cut in the middle is cut alike', async () => {
  const lab = await makeLab({ silence: '60s' })
  const agent = await lab.agent('box-1')
  const place = await folder()
  const lines = 300_000
  const much = `
for i in range(${lines}):
    print(f"{i:9} what a worker that has much to say says on each of its lines", flush=i % 1000 == 0)
print("said", file=sys.stderr, flush=True)
`
  const file = await writeWorker(
    place,
    (source) => source.replace('numbers = count()', `${much}numbers = count()`),
    '  first: { entry: count, with: { steps: 10000, delay_ms: 2 }, pool: lab }',
  )
  const { run } = await submitFile(lab.daemon.client, file)
  await until(lab.daemon.client, run, ({ jobs }) => jobs[0]?.state === 'running')
  await lab.daemon.kill()
  const [attempt = ''] = await readdir(join(agent.state, 'attempts'))
  const said = join(agent.state, 'attempts', attempt, 'stderr.0.log')
  await expect.poll(() => readFile(said, 'utf8').catch(() => ''), { timeout: 300_000 }).toContain('said')
  const daemon = await lab.again()
  const view = await until(daemon.client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
  const text = await readFile(join(lab.state, 'attempts', attempt, 'stdout.0.log'), 'utf8')
  const got = text.split('\n')
  expect(got[0]).toMatch(/^ {8}0 what/)
  expect(got.at(-2)).toMatch(new RegExp(`^ *${lines - 1} what`))
  const cut = got.filter((line) => line.includes('bytes dropped here'))
  expect(cut).toHaveLength(1)
  // Of the lines that are there none is half, and none is there twice.
  const numbers = got.slice(0, -1).flatMap((line) => (line === cut[0] ? [] : [Number(line.slice(0, 9))]))
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  await expectInvariants(daemon)
})

test('a control plane that dies finds what ended on other hosts meanwhile, from another state directory too', async () => {
  const lab = await makeLab({ silence: '60s' })
  const agent = await lab.agent('box-1')
  const { run, letGo } = await submitHeld(
    lab.daemon.client,
    '  first: { entry: count, with: { steps: 100000, delay_ms: 20 }, pool: lab }',
  )
  await lab.daemon.kill()
  await letGo('first')
  await expect.poll(() => ranksIn(join(agent.state, 'attempts')), { timeout: 300_000 }).toEqual([])
  await rm(join(lab.state, 'attempts'), { recursive: true }) // all that had been told so far
  const daemon = await lab.again()
  expect(await until(daemon.client, run, ended)).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
  const [attempt] = (await daemon.client.job('first', run)).attemptList
  expect(attempt?.outcome).toBe('done')
  const events = await readFile(join(attempt?.directory ?? '', 'events.0.jsonl'), 'utf8')
  expect(
    events
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type),
  ).toEqual(expect.arrayContaining(['hello', 'progress', 'done']))
  await expectInvariants(daemon)
})
