import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Mirror } from '../../../orchestrator/engines/agents/mirror.ts'
import type { Chunk } from '../../../orchestrator/ledger/agents/told.ts'

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'orc-m-'))
  onTestFinished(() => rm(made, { recursive: true }))
  return made
}

const chunk = (text: string, offset: number, patch: Partial<Chunk> = {}): Chunk => ({
  kind: 'bytes',
  attempt: 'a-1',
  file: 'stdout.0.log',
  version: '1',
  offset,
  size: offset + text.length,
  data: Buffer.from(text),
  ...patch,
})
const read = (mirror: Mirror, file = 'stdout.0.log') => readFile(join(mirror.directory('a-1'), file), 'utf8')

test('bytes go where they belong: again changes nothing, and what would leave a hole is not written', async () => {
  const mirror = new Mirror(await folder())
  expect(await mirror.write(chunk('abc', 0))).toBe('written')
  expect(await mirror.write(chunk('xyz', 6))).toBe('gap')
  expect(await mirror.write(chunk('abc', 0))).toBe('written')
  expect(await mirror.write(chunk('cdef', 2))).toBe('written')
  expect(await read(mirror)).toBe('abcdef')
  expect(await mirror.sizes('a-1')).toEqual({ 'stdout.0.log': ['1', 6] })
})

test('a file that replaces another is shown when it is whole, also to who begins to look in between', async () => {
  const place = await folder()
  const first = new Mirror(place)
  await first.write(chunk('a long log', 0))
  expect(await first.write(chunk('z', 5, { version: '2' }))).toBe('gap')
  await first.write(chunk('sho', 0, { version: '2', size: 5 }))
  expect(await read(first)).toBe('a long log')
  const second = new Mirror(place)
  expect(await second.sizes('a-1')).toEqual({ 'stdout.0.log': ['2', 3] })
  await second.write(chunk('rt', 3, { version: '2', size: 5 }))
  expect(await read(second)).toBe('short')
})

test('nothing is written but what travels, and nothing elsewhere', async () => {
  const mirror = new Mirror(await folder())
  for (const file of ['../b.log', 'secrets.json', 'over.json', '/tmp/x'])
    expect(await mirror.write(chunk('evil', 0, { file }))).toBe('written') // said to be, lest it be told again
  expect(await mirror.sizes('a-1')).toEqual({})
})

test('whatever is lost, repeated or started anew on the way, what arrives in the end is what was sent', async () => {
  const length = 200
  const step = fc.record({ from: fc.nat(length), bytes: fc.integer({ min: 1, max: 80 }), fresh: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: length, maxLength: length }), fc.array(step), async (bytes, steps) => {
      const place = await mkdtemp(join(tmpdir(), 'orc-m-'))
      const data = Buffer.from(bytes)
      let mirror = new Mirror(place)
      const tell = (from: number, count: number) =>
        mirror.write(chunk('', from, { data: data.subarray(from, from + count), size: length }))
      for (const { from, bytes, fresh } of steps) {
        if (fresh) mirror = new Mirror(place)
        await tell(from, bytes)
      }
      // As an agent does that is told how much has arrived.
      for (;;) {
        const [, arrived] = (await mirror.sizes('a-1'))['stdout.0.log'] ?? ['', 0]
        if (arrived === length) break
        expect(await tell(arrived, 64)).toBe('written')
      }
      expect(await readFile(join(mirror.directory('a-1'), 'stdout.0.log'))).toEqual(data)
      await rm(place, { recursive: true })
    }),
    { numRuns: 30 },
  )
})
