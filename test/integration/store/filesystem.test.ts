import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filesystemStore } from '../../../orchestrator/store/filesystem.ts'
import { mounted, readOnly, testMounting, testReadOnly, using } from '../../support/mount.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const root = () => join(folder, 'store')

test('objects are read-only files under their own names, and nothing else is left', async () => {
  const store = filesystemStore(root())
  await store.create('a/b', 'x')
  await store.put('a/b', 'y')
  await store.create('a/b', 'z')
  expect((await stat(join(root(), 'a/b'))).mode & 0o777).toBe(0o444)
  expect(await readFile(join(root(), 'a/b'), 'utf8')).toBe('y')
  expect(await readdir(join(root(), '.tmp'))).toEqual([])
})

test('takes a file in without copying it, and gives it out the same way', async () => {
  const store = filesystemStore(root())
  const path = join(folder, 'file')
  await writeFile(path, 'content')
  await store.putFile('a/file', path)
  await store.getFile('a/file', join(folder, 'staged'), null)
  const inodes = await Promise.all([path, join(root(), 'a/file'), join(folder, 'staged')].map((file) => stat(file)))
  expect(new Set(inodes.map(({ ino }) => ino)).size).toBe(1)
  expect(inodes[0]?.mode).toBe(0o100444)
})

test('copies what a symbolic link points to, and leaves that alone', async () => {
  const store = filesystemStore(root())
  const precious = join(folder, 'precious')
  await writeFile(precious, 'content', { mode: 0o644 })
  await symlink(precious, join(folder, 'link'))
  await store.putFile('a', join(folder, 'link'))
  expect((await store.get('a'))?.toString()).toBe('content')
  expect((await stat(precious)).mode & 0o777).toBe(0o644)
  expect((await stat(precious)).nlink).toBe(1)
})

test('does not list what a worker is still writing, nor its own temporary files', async () => {
  const store = filesystemStore(root())
  await store.put('a/whole', '')
  await writeFile(join(root(), 'a/half#3'), '')
  await writeFile(join(root(), '.tmp/left-over'), '')
  expect(await store.children('')).toEqual(['a/'])
  expect(await store.children('a')).toEqual(['whole'])
})

test('sweeps what a crash left behind a day ago, and only that', async () => {
  const store = filesystemStore(root())
  await store.probe()
  await writeFile(join(root(), '.tmp/1700000000000-old'), '')
  await writeFile(join(root(), `.tmp/${Date.now()}-new`), '')
  await store.probe()
  expect(await readdir(join(root(), '.tmp'))).toEqual([expect.stringContaining('new')])
})

test.each(['create', 'put'] as const)('cannot %s an object under another object', async (write) => {
  const store = filesystemStore(root())
  await store.put('a', '')
  await store.put('folder/a', '')
  await expect(store[write]('a/b', '')).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' })
  await expect(store[write]('folder', '')).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' })
  expect(await readdir(join(root(), '.tmp'))).toEqual([])
})

testReadOnly('a folder that may not be written is refused', async () => {
  await mkdir(root())
  await using(readOnly(root()), async () => {
    const store = filesystemStore(root())
    await expect(store.probe()).rejects.toMatchObject({
      code: 'STORE_UNWRITABLE',
      message: expect.stringContaining(root()),
    })
    await expect(store.create('a', '')).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' })
    expect(await store.get('a')).toBeNull()
  })
})

test('a folder where there can be none is refused', async () => {
  await writeFile(join(folder, 'file'), '')
  const store = filesystemStore(join(folder, 'file', 'store'))
  await expect(store.probe()).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' })
})

testMounting('a full disk harms nothing that was committed', async () => {
  await mkdir(root())
  await using(mounted(root(), 'size=1m'), async () => {
    const store = filesystemStore(root())
    await store.put('a', 'committed')
    const large = Buffer.alloc(2 << 20)
    const path = join(folder, 'large')
    await writeFile(path, large)
    const full = { code: 'STORE_FULL', message: expect.stringContaining(root()) }
    await expect(store.put('a', large)).rejects.toMatchObject(full)
    await expect(store.create('b', large)).rejects.toMatchObject(full)
    await expect(store.putFile('c', path)).rejects.toMatchObject(full)
    expect((await store.get('a'))?.toString()).toBe('committed')
    expect(await store.children('')).toEqual(['a'])
    expect(await readdir(join(root(), '.tmp'))).toEqual([])
    await store.put('d', 'there is room for what is small')
  })
})

testMounting('links nothing across devices: it copies', async () => {
  await mkdir(root())
  await using(mounted(root(), 'size=1m'), async () => {
    const store = filesystemStore(root())
    await writeFile(join(folder, 'file'), 'content')
    await store.putFile('a', join(folder, 'file'))
    await store.getFile('a', join(folder, 'out'), null)
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('content')
    expect((await stat(join(folder, 'file'))).nlink).toBe(1)
  })
})
