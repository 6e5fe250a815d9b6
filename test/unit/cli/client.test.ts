import { expect, test } from 'vitest'
import { createClient } from '../../../orchestrator/cli/client/client.ts'
import { send } from '../../../orchestrator/cli/client/http.ts'
import { serverEvents } from '../../../orchestrator/cli/client/sse.ts'
import { fakeServer, json } from './fake-server.ts'
import { midTraining, run } from './views.ts'

test('an answer comes back checked', async () => {
  const client = await fakeServer((request, response) =>
    json(response, { runs: request.url === '/api/v1/runs' ? [midTraining()] : [] }),
  )
  expect((await client.runs())[0]).toEqual(midTraining())
})

test('names of jobs travel escaped, and only what was asked for is in the query', async () => {
  const urls: (string | undefined)[] = []
  const client = await fakeServer((request, response) => {
    urls.push(request.url)
    json(response, { sentence: 's', evidence: [], next: [] })
  })
  await client.why('train[full,1]')
  await client.why('train', 'r-abcde')
  expect(urls).toEqual(['/api/v1/jobs/train%5Bfull%2C1%5D/why', '/api/v1/jobs/train/why?run=r-abcde'])
})

test('an error of the daemon keeps its code, hint, exit code and problems', async () => {
  const body = {
    code: 'SPEC_INVALID',
    message: 'no',
    hint: 'mend',
    exit: 2,
    problems: [{ file: 'a.yaml', line: 1, column: 2, message: 'm' }],
  }
  const client = await fakeServer((_, response) => json(response, body, 400))
  await expect(client.run('latest')).rejects.toMatchObject(body)
})

test('an error that is none of ours says that the daemon is not there', async () => {
  const client = await fakeServer((_, response) => response.writeHead(502).end('<html>bad gateway'))
  await expect(client.runs()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE', exit: 4 })
})

test('an answer of another shape is refused, with the place that differs', async () => {
  const client = await fakeServer((_, response) => json(response, { runs: [{ ...run([]), state: 'flying' }] }))
  await expect(client.runs()).rejects.toMatchObject({
    code: 'DAEMON_UNREACHABLE',
    message: expect.stringContaining('state'),
  })
})

test('a daemon that says nothing is not waited for without end', async () => {
  const { target } = await fakeServer(() => {})
  await expect(send(target, { method: 'GET', path: '/', within: 50 })).rejects.toThrow('no answer within 0.05 s')
})

test('nobody at a socket is one sentence with the address in it', async () => {
  const client = createClient({ kind: 'socket', path: '/nowhere/daemon.sock' })
  await expect(client.health()).rejects.toMatchObject({
    code: 'DAEMON_UNREACHABLE',
    message: expect.stringContaining('/nowhere/daemon.sock'),
  })
})

const streams: [string, string[], { event: string; data: string }[]][] = [
  ['one event', ['event: run\ndata: {}\n\n'], [{ event: 'run', data: '{}' }]],
  ['cut anywhere, in a character too', ['event: r', 'un\ndata: "é', '"\n', '\n'], [{ event: 'run', data: '"é"' }]],
  ['several lines of data', ['data: a\ndata: b\n\n'], [{ event: 'message', data: 'a\nb' }]],
  ['comments and ids are skipped', [': ping\n\nid: 1\ndata:x\n\n'], [{ event: 'message', data: 'x' }]],
  ['lines that end in CR LF', ['event: run\r\ndata: 1\r\n\r\n'], [{ event: 'run', data: '1' }]],
  ['what was not finished is not told', ['data: a\n\ndata: b\n'], [{ event: 'message', data: 'a' }]],
]

test.each(streams)('server-sent events: %s', async (_name, parts, events) => {
  // In single bytes, so that every place is a cut.
  for (const size of [1, 7, 1000]) expect(await collect(serverEvents(bytes(parts.join(''), size)))).toEqual(events)
})

async function* bytes(text: string, size: number): AsyncGenerator<Buffer> {
  const all = Buffer.from(text)
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size)
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}
