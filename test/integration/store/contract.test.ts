import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { concurrently } from '../../../orchestrator/store/concurrently.ts'
import { mounted, testMounting, using } from '../../support/mount.ts'
import { describeEachStore } from './each-store.ts'

const sha256 = (body: Uint8Array | string) => createHash('sha256').update(body).digest('hex')
const longName = 'a'.repeat(300)
const times = (count: number) => Array.from({ length: count }, (_, index) => index)

describeEachStore(({ open, reopen, scratch }) => {
  async function file(body: Uint8Array | string): Promise<string> {
    const path = scratch()
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, body)
    return path
  }
  async function all<T>(listing: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = []
    for await (const item of listing) found.push(item)
    return found
  }
  const keys = async (listing: AsyncIterable<{ key: string }>) => (await all(listing)).map(({ key }) => key)

  test('is usable, and leaves nothing behind when it was probed', async () => {
    const store = await open()
    await store.probe()
    expect(await keys(store.list(''))).toEqual([])
  })

  test('creates an object once', async () => {
    const store = await open()
    expect(await store.create('a/b/c.json', 'first')).toBe('created')
    expect(await store.create('a/b/c.json', 'second')).toBe('exists')
    expect((await store.get('a/b/c.json'))?.toString()).toBe('first')
  })

  test('has one winner among 50 that create the same object at once', async () => {
    const store = await open()
    const other = await reopen(store)
    const outcomes = await Promise.all(times(50).map((i) => (i % 2 ? store : other).create('race/winner', `${i}`)))
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1)
    expect((await store.get('race/winner'))?.toString()).toBe(`${outcomes.indexOf('created')}`)
  })

  test('can create again what was deleted', async () => {
    const store = await open()
    await store.create('a', 'first')
    await store.delete('a')
    expect(await store.create('a', 'second')).toBe('created')
  })

  test('replaces an object whole: whoever reads meanwhile sees one or the other', async () => {
    const store = await open()
    const bodies = ['x', 'y'].map((letter) => letter.repeat(200_000))
    await store.put('a/b', bodies[0] ?? '')
    const writing = concurrently(times(20), (i) => store.put('a/b', bodies[i % 2] ?? ''))
    for (const _ of times(20)) expect(bodies).toContain((await store.get('a/b'))?.toString())
    await writing
  })

  test('keeps bytes as they are, also none at all', async () => {
    const store = await open()
    const bytes = randomBytes(70_000)
    await store.put('bytes', bytes)
    await store.create('nothing', '')
    expect((await store.get('bytes'))?.equals(bytes)).toBe(true)
    expect(await store.get('nothing')).toHaveLength(0)
    expect(await store.head('nothing')).toMatchObject({ key: 'nothing', size: 0 })
    expect(await store.digest('bytes')).toEqual({ size: 70_000, sha256: sha256(bytes) })
  })

  test('says when an object was written', async () => {
    const store = await open()
    await store.put('a', 'a')
    const modified = (await store.head('a'))?.modified ?? 0
    expect(Math.abs(modified - Date.now())).toBeLessThan(3_600_000)
    expect((await all(store.list('')))[0]).toMatchObject({ key: 'a', size: 1 })
  })

  test('takes a large file in and gives it out, hashed both ways', async () => {
    const store = await open()
    const body = randomBytes(21_000_001)
    const digest = { size: body.length, sha256: sha256(body) }
    expect(await store.putFile('large/file.bin', await file(body))).toEqual(digest)
    expect(await store.digest('large/file.bin')).toEqual(digest)
    const target = join(scratch(), 'deep', 'copy.bin')
    await store.getFile('large/file.bin', target, digest.sha256)
    expect((await readFile(target)).equals(body)).toBe(true)
    expect((await stat(target)).mode & 0o777).toBe(0o444)
  })

  test('takes an empty file, the same file twice, and another in its place', async () => {
    const store = await open()
    expect(await store.putFile('a', await file(''))).toEqual({ size: 0, sha256: sha256('') })
    const path = await file('same')
    await store.putFile('a', path)
    await store.putFile('a', path)
    await store.putFile('b', path)
    await store.putLog('log/of/it', path)
    await store.putLog('log/of/it', path)
    expect((await store.get('log/of/it'))?.toString()).toBe('same')
    expect((await store.get('a'))?.toString()).toBe('same')
    await store.put('a', 'other')
    expect((await store.get('b'))?.toString()).toBe('same')
  })

  test('says so when a file to be taken in is not there', async () => {
    const store = await open()
    await expect(store.putFile('a', '/nowhere/to/be/found')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    expect(await store.head('a')).toBeNull()
  })

  test('gives no file whose content is not what was asked for', async () => {
    const store = await open()
    await store.put('a', 'damaged')
    const target = join(scratch(), 'file')
    await expect(store.getFile('a', target, sha256('whole'))).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' })
    expect(await readdir(dirname(target))).toEqual([])
    await store.getFile('a', target, null)
    expect(await readFile(target, 'utf8')).toBe('damaged')
  })

  testMounting('says that this disk is full, not the store, when a file finds no room here', async () => {
    const store = await open()
    await store.put('a', Buffer.alloc(2 << 20))
    const folder = scratch()
    await mkdir(folder, { recursive: true })
    await using(mounted(folder, 'size=1m'), async () => {
      await expect(store.getFile('a', join(folder, 'a'), null)).rejects.toMatchObject({ code: 'DISK_FULL' })
      expect(await readdir(folder)).toEqual([])
    })
  })

  test('has nothing to say of what is not there', async () => {
    const store = await open()
    await store.put('folder/file', '')
    for (const key of ['none', 'folder', 'folder/none', 'folder/file/none']) {
      expect([await store.get(key), await store.head(key), await store.digest(key)]).toEqual([null, null, null])
      await store.delete(key)
      const target = join(scratch(), 'file')
      await expect(store.getFile(key, target, null)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    }
    expect(await keys(store.list('none'))).toEqual([])
    expect(await store.children('none')).toEqual([])
    expect(await keys(store.list(''))).toEqual(['folder/file'])
  })

  test('lists objects in the order of their bytes, and a prefix means a folder', async () => {
    const store = await open()
    const names = [
      'a',
      'a-b',
      'b.txt',
      'b/1',
      'b/10',
      'b/2',
      'b/c/d',
      'b0',
      'ba/1',
      'B',
      'ü',
      '\u{ffee}',
      '\u{1f600}/x',
    ]
    await concurrently(names, (key) => store.put(key, key))
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(await keys(store.list(''))).toEqual(sorted)
    expect(await keys(store.list('b'))).toEqual(['b/1', 'b/10', 'b/2', 'b/c/d'])
    expect(await keys(store.list('b/'))).toEqual(['b/1', 'b/10', 'b/2', 'b/c/d'])
    expect(await store.children('b')).toEqual(['1', '10', '2', 'c/'])
    expect(await store.children('')).toEqual([
      'B',
      'a',
      'a-b',
      'b.txt',
      'b/',
      'b0',
      'ba/',
      'ü',
      '\u{ffee}',
      '\u{1f600}/',
    ])
  })

  test('lists more than a page of objects', async () => {
    const store = await open()
    const names = times(1_050).map((i) => `${i}`.padStart(5, '0'))
    await concurrently(names, (name) => store.create(`many/${name}`, ''), 24)
    await store.put('many/folder/file', '')
    expect(await keys(store.list('many'))).toEqual([...names, 'folder/file'].map((name) => `many/${name}`))
    expect(await store.children('many')).toEqual([...names, 'folder/'])
  })

  test('forgets a folder with its last object', async () => {
    const store = await open()
    await store.put('a/b/c/d', '')
    await store.put('a/e', '')
    await store.delete('a/b/c/d')
    expect(await store.children('a')).toEqual(['e'])
    await store.delete('a/e')
    expect(await store.children('')).toEqual([])
  })

  test('loses nothing when folders come and go at the same time', async () => {
    const store = await open()
    await concurrently(times(40), async (i) => {
      await store.put(`shared/folder/${i}`, `${i}`)
      if (i % 2) await store.delete(`shared/folder/${i}`)
    })
    expect(await keys(store.list(''))).toHaveLength(20)
  })

  test.each([
    'a b/c+d&e=f',
    "it's (100%) #done",
    'a%2Fb',
    'x:y@z',
    '日本語/ファイル',
    'a\\b',
    '~tilde',
    '.hidden/.file',
  ])('keeps an object called %s', async (key) => {
    const store = await open()
    await store.create(key, key)
    expect((await store.get(key))?.toString()).toBe(key)
    expect(await keys(store.list(''))).toEqual([key])
  })

  test.each(['', '/', '/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a/.', 'a\nb', 'a\0b', 'a#1', '.tmp/a', longName])(
    'refuses the key %.20j for everything',
    async (key) => {
      const store = await open()
      const refused = { code: 'KEY_INVALID' }
      const calls = [
        () => store.create(key, ''),
        () => store.put(key, ''),
        async () => store.putFile(key, await file('')),
        () => store.get(key),
        () => store.getFile(key, scratch(), null),
        () => store.head(key),
        () => store.digest(key),
        () => store.delete(key),
      ]
      for (const call of calls) await expect(call()).rejects.toMatchObject(refused)
    },
  )
})
