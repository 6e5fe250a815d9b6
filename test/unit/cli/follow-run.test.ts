import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { followRun } from '../../../orchestrator/cli/client/follow-run.ts'
import type { RunView } from '../../../orchestrator/server/api.ts'
import { fakeServer, json } from './fake-server.ts'
import { ended, midTraining } from './views.ts'

const tell = (response: ServerResponse, view: RunView) =>
  response.write(`event: run\ndata: ${JSON.stringify(view)}\n\n`)

async function collect(following: Parameters<typeof followRun>[0]): Promise<RunView['state'][]> {
  const states: RunView['state'][] = []
  for await (const view of followRun(following)) states.push(view.state)
  return states
}

test('a run is followed over a lost connection to its end, and the loss is told once', async () => {
  let connections = 0
  const client = await fakeServer((_, response) => {
    connections += 1
    if (connections === 2 || connections === 3) return response.destroy()
    tell(response, connections === 1 ? midTraining() : ended())
    // Let the first view arrive before the connection goes.
    if (connections === 1) setImmediate(() => response.destroy())
    else response.end()
  })
  const told: string[] = []
  const states = await collect({
    run: 'r-7k2pq',
    connect: async () => client,
    onLost: () => told.push('lost'),
    onBack: () => told.push('back'),
  })
  expect(states.at(-1)).toBe('succeeded')
  expect(connections).toBe(4)
  expect(told).toEqual(['lost', 'back'])
})

test('after its end the run is followed until the stream ends: the report may be a moment behind', async () => {
  const client = await fakeServer((_, response) => {
    tell(response, { ...ended(), report: null })
    tell(response, ended())
    response.end()
  })
  expect(await collect({ run: 'r-7k2pq', connect: async () => client })).toEqual(['succeeded', 'succeeded'])
})

test('an answer that says no is no reason to try again', async () => {
  const client = await fakeServer((_, response) =>
    json(response, { code: 'RUN_NOT_FOUND', message: 'no', hint: '', exit: 2 }, 404),
  )
  await expect(collect({ run: 'r-7k2pq', connect: async () => client })).rejects.toMatchObject({
    code: 'RUN_NOT_FOUND',
  })
})

test('following ends quietly when one no longer wants to look', async () => {
  const client = await fakeServer((_, response) => tell(response, midTraining()))
  const leaving = new AbortController()
  const states: string[] = []
  for await (const view of followRun({ run: 'r-7k2pq', connect: async () => client, signal: leaving.signal })) {
    states.push(view.state)
    leaving.abort()
  }
  expect(states).toEqual(['running'])
})
