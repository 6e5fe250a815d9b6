import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packWorker } from '../../../orchestrator/cli/submit/pack-worker.ts'

function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'orc-worker-'))
  for (const [place, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, place)), { recursive: true })
    writeFileSync(join(root, place), text)
  }
  return root
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex')

test('a pack is the code by place and digest, without what Python, npm or an editor left there', async () => {
  const root = folder({
    'worker.json': '{}',
    'main.py': 'a',
    'model/net.py': 'b',
    'model/__pycache__/net.cpython-311.pyc': 'x',
    '.venv/lib/thing.py': 'x',
    '.git/HEAD': 'x',
    'node_modules/a/index.js': 'x',
    'old.pyc': 'x',
    'w.egg-info/PKG-INFO': 'x',
  })
  const { files, contents } = await packWorker(root)
  expect(files).toEqual({ 'main.py': sha('a'), 'model/net.py': sha('b'), 'worker.json': sha('{}') })
  expect(contents.get(sha('b'))?.toString()).toBe('b')
})

test('a link to a file stands for its content; a link to a folder, and one to nowhere, are left out', async () => {
  const root = folder({ 'worker.json': '{}', 'a/x.py': 'x' })
  symlinkSync('a/x.py', join(root, 'y.py'))
  symlinkSync('.', join(root, 'a', 'circle'))
  symlinkSync('nowhere', join(root, 'dangling'))
  expect(Object.keys((await packWorker(root)).files)).toEqual(['a/x.py', 'worker.json', 'y.py'])
})

test.each([
  ['a folder without worker.json', () => folder({ 'main.py': '' }), 'WORKER_INVALID'],
  ['a folder that is not there', () => '/nowhere/worker', 'INPUT_NOT_FOUND'],
])('%s is refused with a code', async (_name, make, code) => {
  await expect(packWorker(make())).rejects.toMatchObject({ code, exit: 2 })
})
