import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { findImports, findPythonImports } from './find-imports.ts'
import { violations } from './rules.ts'

const root = resolve(import.meta.dirname, '../../..')

const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .toSorted()

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('imports go one way: no room looks into one that stands on it, and the pure ones do no I/O', () => {
  const files = filesIn('orchestrator', '.ts')
  expect(files.length).toBeGreaterThan(100)
  expect(files.flatMap((path) => violations(path, read(path)))).toEqual([])
})

test('the launcher imports nothing but the standard library and itself', () => {
  const names = execFileSync('python3', ['-c', 'import sys; print(*sys.stdlib_module_names)'], { encoding: 'utf8' })
  const allowed = new Set(['launcher', '__future__', ...names.trim().split(' ')])
  const files = filesIn('worker-images/launcher', '.py')
  expect(files.length).toBeGreaterThan(5)
  const foreign = files.flatMap((path) =>
    findPythonImports(read(path))
      .filter((name) => !allowed.has(name))
      .map((name) => `${path}: ${name}`),
  )
  expect(foreign).toEqual([])
})

test.each([
  ['orchestrator/spec/cells.ts', "import { x } from '../server/daemon.ts'", 'spec imports server'],
  ['orchestrator/spec/cells.ts', "import type { X } from '../plan/plan.ts'", 'spec imports plan'],
  ['orchestrator/errors.ts', "export { x } from './spec/cells.ts'", 'errors imports spec'],
  ['orchestrator/store/s3.ts', "import '../ledger/keys.ts'", 'store imports ledger'],
  ['orchestrator/server/views/why.ts', "import {\n  a,\n  b,\n} from '../../cli/print.ts'", 'server imports cli'],
  ['orchestrator/engines/local/local.ts', "const x = await import('../../server/daemon.ts')", 'engines imports server'],
  [
    'orchestrator/run/job.ts',
    "import { readFile } from 'node:fs/promises'",
    'run is pure, and imports node:fs/promises',
  ],
  ['orchestrator/report/table.ts', "import { writeFileSync } from 'node:fs'", 'report is pure, and imports node:fs'],
  ['orchestrator/server/submit.ts', "import { Queue } from 'bullmq'", 'server imports bullmq, which is for queue'],
  ['orchestrator/server/submit.ts', "import { Redis } from 'ioredis'", 'ioredis, which is for ledger and queue'],
  ['orchestrator/engines/local/local.ts', "import { S3Client } from '@aws-sdk/client-s3'", 'which is for store'],
  ['orchestrator/cli/main.ts', "import { bare } from '../../test/support/daemon.ts'", 'not part of the control plane'],
  ['orchestrator/attic/old.ts', '', "no room of the house is called 'attic'"],
])('%s with %j is found out', (path, text, message) => {
  expect(violations(path, `${text}\n`)).toEqual([expect.stringContaining(message)])
})

test.each([
  ['orchestrator/server/submit.ts', "import { pin } from '../store/pins.ts'\nimport { join } from 'node:path'"],
  ['orchestrator/cli/main.ts', "import { startDaemon } from '../server/daemon.ts'"],
  ['orchestrator/spec/cells.ts', "// import { x } from '../server/daemon.ts'\n/*\nimport '../cli/x.ts'\n*/"],
])('%s with %j is fine', (path, text) => {
  expect(violations(path, text)).toEqual([])
})

test('every form of import is seen', () => {
  const text = `import 'a'\nimport b from "b"\nimport type { C } from 'c'\nexport * from 'd'\nexport type {\n  E,\n} from 'e'\nconst f = import('f')\nconst text = "from 'g'"\n`
  expect(findImports(text).map(({ line, what }) => [line, what])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
    [4, 'd'],
    [5, 'e'],
    [8, 'f'],
  ])
  expect(
    findPythonImports('import os.path, numpy as np\nfrom launcher.job import Job\n    from torch import nn\n'),
  ).toEqual(['os', 'numpy', 'launcher', 'torch'])
})
