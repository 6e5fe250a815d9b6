import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { OrchestrateError } from '../../../orchestrator/errors.ts'
import { cacheEntries } from '../../../orchestrator/store/cache-entries.ts'
import type { HostCache } from '../../../orchestrator/store/host-cache.ts'
import { cacheIn, entriesOf } from '../../support/host-cache.ts'
import { testMounting } from '../../support/mount.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'orc-cache-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

/** A cache of 100 bytes, and what it asks and says. */
function smallCache(path: string, most = 100) {
  const over = new Set<string>()
  const warnings: string[] = []
  const standings = async (attempts: string[]) =>
    new Map(attempts.map((attempt) => [attempt, over.has(attempt) ? ('over' as const) : ('live' as const)]))
  const log = { info: () => {}, warn: (_: unknown, message?: string) => void warnings.push(message ?? '') }
  const open = (): HostCache => cacheIn(path, { most, standings, log })
  return { open, over, warnings }
}

/** As many bytes as asked for, in two files. */
const content = (bytes: number) => ({
  bytes,
  fill: async (path: string) => {
    await mkdir(join(path, 'deep'))
    await writeFile(join(path, 'a'), 'x'.repeat(Math.floor(bytes / 2)))
    await writeFile(join(path, 'deep', 'b'), 'x'.repeat(Math.ceil(bytes / 2)))
  },
})

const isWhole = async (path: string, bytes: number): Promise<boolean> => {
  const files = await Promise.all(['a', 'deep/b'].map((name) => readFile(join(path, name), 'utf8').catch(() => '')))
  return files.join('').length === bytes
}

test('what was used longest ago goes first, and only when room is needed', async () => {
  const path = await folder()
  const { open, over } = smallCache(path)
  const cache = open()
  for (const name of ['one', 'two', 'three']) await cache.use(name, `a-${name}`, content(30))
  for (const [age, name] of ['three', 'two', 'one'].entries()) {
    const then = Date.now() / 1000 - 60 * (age + 1)
    await utimes(join(path, '.notes', name, 'bytes'), then, then)
    over.add(`a-${name}`)
  }
  expect(await cache.use('one', 'a-again', content(30))).toBe(join(path, 'one'))
  over.add('a-again')
  await cache.use('four', 'a-four', content(40))
  expect(await entriesOf(path)).toEqual(['four', 'one', 'three'])
  expect((await cacheEntries(path)).map(({ name, bytes }) => [name, bytes])).toEqual([
    ['three', 30],
    ['one', 30],
    ['four', 40],
  ])
  await cache.use('five', 'a-five', content(60))
  expect(await entriesOf(path)).toEqual(['five', 'four'])
})

test('what an attempt uses that may still run stays, also for a control plane that comes after a crash', async () => {
  const path = await folder()
  const { open, over, warnings } = smallCache(path)
  await open().use('old', 'a-old', content(60))
  await open().use('new', 'a-new', content(60))
  expect(await entriesOf(path)).toEqual(['new', 'old'])
  expect(warnings).toEqual([expect.stringMatching(/larger than it may be: all is in use/)])
  over.add('a-old')
  await open().use('next', 'a-next', content(40))
  expect(await entriesOf(path)).toEqual(['new', 'next'])
})

test('what is larger than the whole cache is brought all the same, and said', async () => {
  const path = await folder()
  const { open, over, warnings } = smallCache(path)
  const cache = open()
  await cache.use('small', 'a-small', content(10))
  over.add('a-small')
  expect(await isWhole(await cache.use('huge', 'a-huge', content(1000)), 1000)).toBe(true)
  expect(await entriesOf(path)).toEqual(['huge'])
  expect(warnings).toHaveLength(1)
})

test('of an attempt that nobody knows a use counts for a day', async () => {
  const path = await folder()
  const cache = cacheIn(path, { most: 100 })
  await cache.use('old', 'a-old', content(60))
  await cache.use('new', 'a-new', content(60))
  expect(await entriesOf(path)).toEqual(['new', 'old'])
  const then = new Date(Date.now() - 25 * 3_600_000)
  await utimes(join(path, '.notes/old/by-a-old'), then, then)
  await cache.use('next', 'a-next', content(10))
  expect(await entriesOf(path)).toEqual(['new', 'next'])
})

test('notes of attempts that are over are cleared up now and then, also where there is room enough', async () => {
  const path = await folder()
  const { open, over } = smallCache(path)
  for (const attempt of ['a-1', 'a-2', 'a-3']) await open().use('one', attempt, content(10))
  for (const attempt of ['a-1', 'a-2']) over.add(attempt)
  await open().use('two', 'a-4', content(10))
  expect((await readdir(join(path, '.notes/one'))).sort()).toEqual(['by-a-3', 'bytes'])
})

test('who has let go of its entries holds them no longer', async () => {
  const path = await folder()
  const cache = cacheIn(path, { most: 100 })
  for (const name of ['one', 'two']) await cache.use(name, 'a-here', content(40))
  await cache.use('two', 'a-there', content(40))
  await cache.letGo('a-here')
  await cache.use('three', 'a-three', content(60))
  expect(await entriesOf(path)).toEqual(['three', 'two'])
})

test('what crashed in the middle of a removal is finished, and an entry without notes is measured', async () => {
  const path = await folder()
  const { open, over } = smallCache(path)
  await open().use('one', 'a-one', content(60))
  await rm(join(path, '.notes'), { recursive: true })
  await mkdir(join(path, 'two'))
  await rename(join(path, 'two'), join(path, '.going-half'))
  expect(await cacheEntries(path)).toMatchObject([{ name: 'one', bytes: 60 }])
  await open().use('one', 'a-again', content(60))
  expect(await readFile(join(path, '.notes/one/bytes'), 'utf8')).toBe('60')
  over.add('a-again')
  await open().use('three', 'a-three', content(60))
  expect(await entriesOf(path)).toEqual(['three'])
  expect(await readdir(join(path, '.notes'))).toEqual(['three'])
})

test('a filling that fails leaves nothing, and can be tried again', async () => {
  const path = await folder()
  const cache = smallCache(path).open()
  const broken = { fill: () => Promise.reject(new OrchestrateError('OBJECT_MISSING', 'it is gone')) }
  await expect(cache.use('one', 'a-one', broken)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
  expect(await entriesOf(path)).toEqual([])
  expect(await isWhole(await cache.use('one', 'a-one', content(10)), 10)).toBe(true)
})

testMounting('where the disk is full, what nobody uses makes room', async () => {
  const disk = await folder()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]))
  const { open, over } = smallCache(join(disk, 'cache'), 1 << 30)
  const cache = open()
  await cache.use('old', 'a-old', content(700_000))
  await expect(cache.use('new', 'a-new', content(600_000))).rejects.toMatchObject({ code: 'DISK_FULL' })
  over.add('a-old')
  expect(await isWhole(await cache.use('new', 'a-new', content(600_000)), 600_000)).toBe(true)
  expect(await entriesOf(cache.folder)).toEqual(['new'])
})

const use = fc.record({
  name: fc.nat(5),
  /** Turns of the event loop: before it is asked for, while it is filled, and while it is used. */
  pauses: fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)),
  /** Two caches on the same folder: of two pools. */
  cache: fc.nat(1),
})

test('whoever uses an entry has it whole until the end, however uses and removals race; then it is bounded', async () => {
  const bytesOf = (name: number): number => 10 * (name + 1)
  const most = 70
  let removed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(use, { maxLength: 8 }), { minLength: 2, maxLength: 4 }), async (actors) => {
      const path = await mkdtemp(join(tmpdir(), 'orc-cache-'))
      const { open, over } = smallCache(path, most)
      const caches = [open(), open()]
      const wait = async (turns: number) => {
        for (let i = 0; i < turns; i++) await turn()
      }
      const act = async (uses: (typeof actors)[number], actor: number) => {
        for (const [index, { name, pauses, cache }] of uses.entries()) {
          const attempt = `a-${actor}-${index}`
          const bytes = bytesOf(name)
          await wait(pauses[0])
          const fill = async (folder: string) => {
            await wait(pauses[1])
            await content(bytes).fill(folder)
          }
          const found = await caches[cache]?.use(`n${name}`, attempt, { bytes, fill })
          expect(await isWhole(found ?? '', bytes)).toBe(true)
          await wait(pauses[2])
          expect(await isWhole(found ?? '', bytes)).toBe(true)
          over.add(attempt)
        }
      }
      await Promise.all(actors.map(act))
      removed += new Set(actors.flat().map(({ name }) => name)).size - (await entriesOf(path)).length
      await open().use('last', 'a-last', content(10))
      const left = await cacheEntries(path)
      expect(left.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(most)
      expect(await entriesOf(path)).toEqual(left.map(({ name }) => name).sort())
      await rm(path, { recursive: true })
    }),
    { numRuns: 60 },
  )
  expect(removed).toBeGreaterThan(0)
})
