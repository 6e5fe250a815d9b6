import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Ledger } from '../../../orchestrator/ledger/ledger.ts'
import { Journal } from '../../../orchestrator/server/journal.ts'
import { readJournal } from '../../../orchestrator/store/journal.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import { type TestRedis, testRedis } from '../ledger/redis.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await testRedis()
})
afterAll(() => redis.end())

const event = (n: number) => ({ type: 'counted', n, at: n })
const log = pino({ level: 'silent' })
const around = { checkOwner: async () => {}, went: () => {} }

async function openFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'orc-j-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return openStore({ url: `file://${folder}` })
}

test('what was kept reaches the store once, in order, and without asking Redis for it', async () => {
  const store = await openFolder()
  const ledger = new Ledger(await redis.link())
  const journal = new Journal(ledger, store, log, around)
  journal.keep('job/a', 0, [event(0), event(1)])
  journal.keep('job/a', 1, [event(1), event(2)]) // read again from the ledger, one of them known
  const flushed = journal.flush()
  journal.keep('job/a', 3, [event(3)]) // while the store is being written
  await flushed
  await journal.flush()
  expect(await readJournal(store, 'job/a')).toEqual([event(0), event(1), event(2), event(3)])
  expect(() => journal.keep('job/b', 0, [event(0)])).not.toThrow()
  expect(() => journal.keep('job/b', 5, [event(5)])).toThrow(/events 1 to 5 of job\/b are missing/)
})

test('what an earlier control plane left unmirrored is taken over, and Redis is told when the store has it', async () => {
  const store = await openFolder()
  const ledger = new Ledger(await redis.link())
  await ledger.append('job/a', 0, [event(0), event(1)])
  const journal = new Journal(ledger, store, log, around)
  await journal.inherit()
  await ledger.append('job/a', 2, [event(2)])
  journal.keep('job/a', 2, [event(2)])
  await journal.flush()
  expect(await readJournal(store, 'job/a')).toEqual([event(0), event(1), event(2)])
  expect(await ledger.unmirrored()).toEqual([])
})

test('who has lost the store writes nothing more to it, and keeps what is kept', async () => {
  const store = await openFolder()
  const went: unknown[] = []
  let owner = false
  const checkOwner = async () => {
    if (!owner) throw new Error('lost')
  }
  const ledger = new Ledger(await redis.link())
  const journal = new Journal(ledger, store, log, { checkOwner, went: (error) => void went.push(error) })
  journal.keep('job/a', 0, [event(0)])
  await expect(journal.flush()).rejects.toThrow('lost')
  expect(await readJournal(store, 'job/a')).toEqual([])
  owner = true
  await journal.flush()
  expect(await readJournal(store, 'job/a')).toEqual([event(0)])
  expect(went).toEqual([expect.any(Error), null])
})
