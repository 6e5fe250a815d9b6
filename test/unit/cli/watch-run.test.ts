import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { json as readJson } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../../orchestrator/cli/client/client.ts'
import { watchRun } from '../../../orchestrator/cli/watch-run.ts'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { json } from './fake-server.ts'
import { ended, midTraining } from './views.ts'

const tell = (response: ServerResponse, view: RunView) =>
  response.write(`event: run\ndata: ${JSON.stringify(view)}\n\n`)

/** A daemon that goes away after its first view, and comes back once `presses` Ctrl-C went unheard. */
async function awayFor(presses: number) {
  const acknowledged: unknown[] = []
  let looks = 0
  let unheard = 0
  let following: ServerResponse | undefined
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      const { mode } = (await readJson(request)) as { mode: string }
      if (unheard < presses) {
        unheard += 1
        response.destroy()
        if (unheard < presses) setImmediate(() => process.emit('SIGINT'))
        return
      }
      acknowledged.push(mode)
      json(response, midTraining())
      if (following) tell(following, { ...ended(), state: 'cancelled' })
      following?.end()
      return
    }
    looks += 1
    if (looks > 1 && unheard < presses) {
      if (looks === 2) process.emit('SIGINT')
      return response.destroy()
    }
    tell(response, midTraining())
    if (looks === 1) setImmediate(() => response.destroy())
    else following = response
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, acknowledged }
}

test.each([
  [1, 'save'],
  [2, 'now'],
])('%i Ctrl-C while the daemon is away: it is told to stop (%s) when it is back', async (presses, mode) => {
  const { url, acknowledged } = await awayFor(presses)
  const { view, interrupted } = await watchRun({
    client: createClient({ kind: 'url', url }),
    run: 'r-7k2pq',
    options: { server: url },
    out: new PassThrough() as unknown as NodeJS.WriteStream,
    interrupt: 'cancel',
  })
  expect(acknowledged).toEqual([mode])
  expect([view?.state, interrupted]).toEqual(['cancelled', true])
})
