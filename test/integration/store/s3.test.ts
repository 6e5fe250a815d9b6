import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { claimFence } from '../../../orchestrator/store/fences.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { describeCeph } from './each-store.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  undo.push(() => server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describeCeph('S3', (ceph) => {
  const open = (endpoint: string, url = `s3://${ceph().bucket}/${randomUUID()}`) => openStore({ url, endpoint })

  test('wrong credentials are refused, and the bucket named', async () => {
    const { AWS_SECRET_ACCESS_KEY } = process.env
    undo.push(() => Object.assign(process.env, { AWS_SECRET_ACCESS_KEY }))
    process.env.AWS_SECRET_ACCESS_KEY = 'wrong'
    const store = await open(ceph().endpoint)
    const refused = {
      code: 'STORE_DENIED',
      message: expect.stringContaining(`bucket ${ceph().bucket} at ${ceph().endpoint}`),
    }
    await expect(store.probe()).rejects.toMatchObject(refused)
    await expect(store.get('a')).rejects.toMatchObject(refused)
    await expect(store.children('')).rejects.toMatchObject(refused)
  })

  test('a bucket that does not exist is refused, and named', async () => {
    const store = await open(ceph().endpoint, 's3://no-such-bucket/prefix')
    const refused = { code: 'STORE_UNWRITABLE', message: expect.stringContaining('bucket no-such-bucket') }
    await expect(store.probe()).rejects.toMatchObject(refused)
    await expect(store.get('a')).rejects.toMatchObject(refused)
  })

  test('a claim whose answer got lost is still won', async () => {
    const job = randomUUID()
    const claim = { attempt: 'a-1', nonce: randomUUID(), host: 'here', parent: null, at: 0 }
    const proxy = await through(ceph().endpoint, (answer, client) => {
      if (answer.count === 1) client.destroy()
    })
    const store = await open(proxy.endpoint)
    expect(await claimFence(store, job, 0, 1, claim)).toBe(true)
    expect(proxy.connections()).toBeGreaterThan(1)
    expect(await claimFence(store, job, 0, 1, { ...claim, nonce: randomUUID() })).toBe(false)
  })

  test('a download that breaks off is begun again', async () => {
    const body = randomBytes(3_000_000)
    const url = `s3://${ceph().bucket}/${randomUUID()}`
    await (await open(ceph().endpoint, url)).put('large', body)
    const folder = await mkdtemp(join(tmpdir(), 's3-'))
    undo.push(() => rm(folder, { recursive: true }))
    const proxy = await through(ceph().endpoint, (answer, client) => {
      if (answer.count === 1 && answer.bytes > 1_000_000) client.destroy()
    })
    const store = await open(proxy.endpoint, url)
    await store.getFile('large', join(folder, 'large'), null)
    expect((await readFile(join(folder, 'large'))).equals(body)).toBe(true)
    expect(proxy.connections()).toBe(2)
  })

  /** A way to the server that sees each piece of an answer, and may cut the connection: before the piece arrives. */
  async function through(endpoint: string, look: (answer: { count: number; bytes: number }, client: Socket) => void) {
    let count = 0
    const server = createServer((client) => {
      const answer = { count: ++count, bytes: 0 }
      const upstream = connect(Number(new URL(endpoint).port), '127.0.0.1')
      client.pipe(upstream)
      upstream.on('data', (chunk) => {
        answer.bytes += chunk.length
        look(answer, client)
        if (!client.destroyed) client.write(chunk)
      })
      upstream.on('close', () => client.destroy())
      client.on('close', () => upstream.destroy())
      for (const socket of [client, upstream]) socket.on('error', () => {})
    })
    return { endpoint: await listen(server), connections: () => count }
  }
})

/** The least that a store needs of S3, but for the conditions; `answer` may say something else first. */
async function carelessServer(answer: (method: string) => number | null) {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' })
  const objects = new Map<string, Buffer>()
  const server = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method = '', url = '' } = request
    const status = answer(method)
    if (status) return response.writeHead(status).end()
    if (method === 'PUT') objects.set(url, Buffer.concat(chunks))
    if (method === 'DELETE') objects.delete(url)
    response
      .writeHead(method === 'DELETE' ? 204 : 200)
      .end(method === 'GET' ? objects.get(url.replace(/\?.*/, '')) : '')
  })
  undo.push(() => server.closeAllConnections())
  return openStore({ url: 's3://bucket/prefix', endpoint: await listen(server) })
}

test('a store that lets an object be created twice is refused', async () => {
  const store = await carelessServer(() => null)
  await expect(store.probe()).rejects.toMatchObject({ code: 'STORE_NOT_CONDITIONAL' })
})

test('two writes that get into each other’s way are tried again', async () => {
  let conflicts = 3
  const store = await carelessServer((method) => (method === 'PUT' && conflicts-- > 0 ? 409 : null))
  expect(await store.create('a', '')).toBe('created')
})

test('a store without room says so', async () => {
  const store = await carelessServer((method) => (method === 'PUT' ? 507 : null))
  await expect(store.put('a', '')).rejects.toMatchObject({ code: 'STORE_FULL' })
})

test('a store that nobody answers for is unreachable, and named', async () => {
  const server = createServer()
  const endpoint = await listen(server)
  server.close()
  const store = await openStore({ url: 's3://bucket/prefix', endpoint })
  await expect(store.probe()).rejects.toMatchObject({
    code: 'STORE_UNREACHABLE',
    message: expect.stringMatching(/bucket bucket at http.*ECONNREFUSED/),
  })
})
