import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AgentFacts, AgentHosts } from '../../../orchestrator/ledger/agents/agent-hosts.ts'
import { HandedAttempts } from '../../../orchestrator/ledger/agents/handed.ts'
import { Listening, Telling, type Told } from '../../../orchestrator/ledger/agents/told.ts'
import type { RedisLink } from '../../../orchestrator/ledger/connect-redis.ts'
import { limits } from '../../../orchestrator/limits.ts'
import { someNamespace, type TestRedis, testRedis } from './redis.ts'

let redis: TestRedis
let links: RedisLink[]
beforeAll(async () => {
  redis = await testRedis()
  const namespace = someNamespace()
  links = [await redis.link(namespace), await redis.link(namespace)]
})
afterAll(() => redis.end())

const link = (index = 0): RedisLink => links[index] as RedisLink
const facts: AgentFacts = { capacity: { cores: 2, gpus: ['GPU-1'] }, publicKey: 'k', version: '1', startedAt: 1 }
let pools = 0
function makePool() {
  const pool = `p${++pools}`
  const [agent, control] = [0, 1].map((i) => ({
    hosts: new AgentHosts(link(i), pool),
    handed: new HandedAttempts(link(i), pool),
  }))
  if (!agent || !control) throw new Error('no links')
  return { pool, agent, control }
}
const beatOf = async (hosts: AgentHosts) => (await hosts.find('box'))?.beat ?? ''

test('an incarnation joins, lives, is lost, and never comes back; the next one may', async () => {
  const { agent, control } = makePool()
  expect(await agent.hosts.join('box', 'i-1', facts)).toBe('joined')
  expect(await agent.hosts.join('box', 'i-1', facts)).toBe('joined') // its agent was started anew
  expect(await agent.hosts.join('box', 'i-2', facts)).toBe('taken')
  expect(await agent.hosts.beat('box', 'i-1', 'live')).toBe('alive')
  const before = await beatOf(control.hosts)
  await agent.hosts.beat('box', 'i-1', 'draining')
  expect(await control.hosts.lose('box', 'i-1', before, '')).toBe(null) // it spoke since
  expect(await control.hosts.list()).toMatchObject([{ host: 'box', state: 'draining', incarnation: 'i-1', facts }])
  expect(await control.hosts.lose('box', 'i-1', await beatOf(control.hosts), '')).toEqual([])
  expect(await agent.hosts.beat('box', 'i-1', 'live')).toBe('fenced')
  expect(await agent.hosts.join('box', 'i-1', facts)).toBe('fenced')
  expect(await agent.hosts.join('box', 'i-2', facts)).toBe('joined')
  expect(await agent.hosts.beat('box', 'i-1', 'live')).toBe('fenced')
})

test('a host that Redis has forgotten is told so, and one that nobody knows can be lost all the same', async () => {
  const { agent, control } = makePool()
  expect(await agent.hosts.beat('box', 'i-1', 'live')).toBe('unknown')
  expect(await control.hosts.lose('box', 'i-1', '7', '')).toEqual([])
  expect(await agent.hosts.join('box', 'i-1', facts)).toBe('fenced')
})

test('nothing is handed to a host that drains, has gone, or is another incarnation by now', async () => {
  const { agent, control } = makePool()
  await agent.hosts.join('box', 'i-1', facts)
  const hand = (attempt: string, incarnation = 'i-1') =>
    control.handed.hand(attempt, { host: 'box', incarnation }, 'why not')
  expect(await hand('a-1')).toMatchObject({ state: 'asked' })
  expect(await hand('a-1')).toMatchObject({ state: 'asked' })
  expect(await hand('a-2', 'i-0')).toMatchObject({ state: 'over', detail: 'why not' })
  await agent.hosts.beat('box', 'i-1', 'draining')
  expect(await hand('a-3')).toMatchObject({ state: 'over' })
  expect(await hand('a-1')).toMatchObject({ state: 'asked' })
})

test('whenever a host is given up, it and all that it has are over together, or it lives and nothing is', async () => {
  const moves = ['take', 'start', 'end', 'beat'] as const
  const races = fc.array(fc.array(fc.constantFrom(...moves), { minLength: 1, maxLength: 6 }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(races, fc.nat(5), async (batches, lostIn) => {
      const { agent, control } = makePool()
      const me = { host: 'box', incarnation: 'i-1' }
      await agent.hosts.join('box', 'i-1', facts)
      const attempts = ['a-1', 'a-2', 'a-3']
      for (const attempt of attempts) await control.handed.hand(attempt, me, '')
      let ownEnds = 0
      for (const [round, batch] of [...batches, [] as never[]].entries()) {
        const beat = await beatOf(control.hosts)
        const lose = round === Math.min(lostIn, batches.length) ? control.hosts.lose('box', 'i-1', beat, 'lost') : null
        await Promise.all(
          batch.map(async (move, i) => {
            const attempt = attempts[i % 3] ?? ''
            if (move === 'beat') return agent.hosts.beat('box', 'i-1', 'live')
            if (move === 'take') return agent.handed.move(attempt, { from: ['asked'], to: 'bringing' }, me)
            if (move === 'start') return agent.handed.move(attempt, { from: ['bringing'], to: 'running' }, me)
            const { ok } = await agent.handed.move(attempt, { from: ['running'], to: 'over', detail: 'own' }, me)
            if (ok) ownEnds += 1
            return ok
          }),
        )
        const ended = await lose
        const state = (await control.hosts.find('box'))?.state
        const all = await control.handed.all()
        if (state === 'lost') {
          expect(all.every((one) => one.state === 'over')).toBe(true)
          if (lose)
            expect(
              all
                .filter(({ detail }) => detail === 'lost')
                .map((one) => one.attempt)
                .sort(),
            ).toEqual(ended?.sort())
        } else expect(all.filter(({ detail }) => detail === 'lost')).toEqual([])
        expect(all.filter(({ detail }) => detail === 'own')).toHaveLength(ownEnds)
      }
    }),
    { numRuns: 60 },
  )
})

test('of an agent that starts an attempt and a control plane that takes it back, one is first, and both know which', async () => {
  const { agent, control } = makePool()
  const me = { host: 'box', incarnation: 'i-1' }
  await agent.hosts.join('box', 'i-1', facts)
  for (let round = 0; round < 40; round++) {
    const attempt = `a-${round}`
    await control.handed.hand(attempt, me, '')
    await agent.handed.move(attempt, { from: ['asked'], to: 'bringing' }, me)
    const start = () => agent.handed.move(attempt, { from: ['bringing'], to: 'running' }, me)
    const revoke = () => control.handed.move(attempt, { from: ['none', 'asked', 'bringing'], to: 'revoked' }, null)
    const [first, second] = await Promise.all(round % 2 ? [start(), revoke()] : [revoke(), start()])
    expect([first?.ok, second?.ok].filter(Boolean)).toHaveLength(1)
    expect(first?.now?.state).toBe(second?.now?.state)
  }
})

test('what is told arrives in order, goes out of Redis when it was taken, and no more of it waits than may', async () => {
  const { pool } = makePool()
  const telling = new Telling(link(0), pool, 'box')
  const chunk = (n: number): Told => ({
    kind: 'bytes',
    attempt: 'a-1',
    file: 'f',
    version: '1',
    offset: n,
    size: n + 4,
    data: Buffer.from([n % 256, 0, 255, 10]),
  })
  let told = 0
  while (await telling.tell(chunk(told))) told += 1
  expect(told).toBe(limits.agents.waiting)
  const listening = new Listening(link(1), pool)
  const taken: Told[] = []
  // One that can't be taken stays, and what comes after it waits behind it.
  const take = async (_: string, one: Told) => {
    if (taken.length === 10 && broken) throw new Error('disk full')
    taken.push(one)
  }
  let broken = true
  await expect(listening.take(['box'], take)).rejects.toThrow('disk full')
  broken = false
  const seen = taken.splice(0).length
  while (taken.length < told) await listening.take(['box'], take)
  expect(seen).toBe(10)
  expect(taken.slice(0, told)).toEqual(Array.from({ length: told }, (_, n) => chunk(n)))
  expect(await telling.tell({ kind: 'moved', attempt: 'a-1' })).toBe(true)
  await listening.take(['box'], take)
  expect(taken.at(-1)).toEqual({ kind: 'moved', attempt: 'a-1' })
  await listening.close()
})
