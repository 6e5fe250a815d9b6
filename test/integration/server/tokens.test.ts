import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { createClient } from '../../../orchestrator/cli/client/client.ts'
import { makeToken } from '../../../orchestrator/server/access/token.ts'
import { keepToken, removeToken } from '../../../orchestrator/server/access/token-files.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, writePipeline } from '../../support/pipelines.ts'

const stage = '  first: { entry: count }'

test('a token submits what it names, sees and cancels its own runs, and nothing else', async () => {
  const state = await makeState()
  const port = await freePort()
  const { client: local } = await startDaemon(state, {}, ['--port', String(port)])
  const url = `http://127.0.0.1:${port}`
  const issue = async (bounds: { pipelines: string[]; pools: string[]; expiresAt?: number }) => {
    const made = makeToken({ role: 'ci', name: 'ci', createdAt: 0, expiresAt: null, ...bounds })
    await keepToken(state, made.token)
    return { ...made, client: createClient({ kind: 'url', url, token: made.text }) }
  }
  // Before there is a token, whoever is on this machine needs none.
  expect((await createClient({ kind: 'url', url }).runs()).length).toBe(0)

  const { client, token, text } = await issue({ pipelines: ['te*'], pools: ['local'] })
  const file = await writePipeline(stage)
  const theirs = await submitFile(local, file)
  const own = await submitFile(client, file)
  expect(own.owner).toBe('ci')
  expect((await client.runs()).map((run) => run.run)).toEqual([own.run])
  expect((await client.run('latest')).run).toBe(own.run)
  await until(client, own.run, ended)
  expect(await client.report(own.run, 'md')).toContain('test')
  expect((await client.job('first', own.run)).stage).toBe('first')

  const forbidden = expect.objectContaining({
    code: 'TOKEN_FORBIDDEN',
    hint: expect.stringContaining('orchestrate token create'),
  })
  await expect(client.run(theirs.run)).rejects.toEqual(forbidden)
  await expect(client.run('r-zzzzz')).rejects.toEqual(forbidden)
  await expect(client.cancel(theirs.run, 'now')).rejects.toEqual(forbidden)
  await expect(client.resume(own.run)).rejects.toEqual(forbidden)
  await expect(client.report(theirs.run, 'md')).rejects.toEqual(forbidden)
  await expect(client.job('first', theirs.run)).rejects.toEqual(forbidden)
  const elsewhere = await submitFile(local, await writePipeline('  first: { entry: count, with: { steps: 7 } }'))
  await expect(client.job(elsewhere.jobs[0]?.key ?? '', own.run)).rejects.toEqual(forbidden)
  await until(local, elsewhere.run, ended)
  const [attempt] = (await local.job('first', elsewhere.run)).attemptList
  await expect(client.logs('first', { run: own.run, attempt: attempt?.attempt ?? '' })).rejects.toEqual(forbidden)
  await expect(client.attempt(attempt?.attempt ?? '')).rejects.toEqual(forbidden)
  await expect(client.stop()).rejects.toEqual(forbidden)
  await expect(client.collect({ action: 'collect' })).rejects.toEqual(forbidden)
  await expect(client.recover()).rejects.toEqual(forbidden)

  const other = await issue({ pipelines: ['other', 'tes'], pools: ['local'] })
  await expect(submitFile(other.client, file)).rejects.toMatchObject({
    code: 'TOKEN_FORBIDDEN',
    message: expect.stringContaining('pipeline test'),
  })
  const noPool = await issue({ pipelines: ['test'], pools: ['slurm'] })
  await expect(submitFile(noPool.client, file)).rejects.toMatchObject({
    code: 'TOKEN_FORBIDDEN',
    message: expect.stringContaining('pool local'),
  })

  const late = await issue({ pipelines: ['*'], pools: ['*'], expiresAt: Date.now() - 1 })
  const wrong = createClient({ kind: 'url', url, token: text.replace(/.$/, (last) => (last === '0' ? '1' : '0')) })
  await expect(late.client.runs()).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  await expect(wrong.runs()).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  expect((await fetch(`${url}/api/v1/runs`)).status).toBe(401)
  expect((await fetch(`${url}/api/v1/invariants`, { headers: { authorization: `Bearer ${text}` } })).status).toBe(403)
  await removeToken(state, token)
  await expect(client.runs()).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  // The state directory's own way asks for nothing.
  expect((await local.runs()).length).toBe(3)
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address === 'string' || address === null) throw new Error('no port')
  return address.port
}
