import { expect, test } from 'vitest'
import { OrchestrateError } from '../../../orchestrator/errors.ts'
import { codeClosure } from '../../../orchestrator/plan/code-closure.ts'
import { WorkerDescription } from '../../../orchestrator/protocol/worker-description.ts'

type Given = { modules?: string[]; command?: string[]; package?: string; assets?: string[] }
const describe = ({ modules, command = ['python', '-m', 'bakery'], ...rest }: Given): WorkerDescription =>
  WorkerDescription.parse({
    protocol: 1,
    name: 'bakery',
    command,
    ...rest,
    entries: { bake: { config: {}, ...(modules ? { modules } : {}) } },
  })
const digest = (path: string) => `digest of ${path}`
const taken = (files: Record<string, string>, given: Given) =>
  Object.keys(codeClosure(new Map(Object.entries(files)), describe(given), 'bake', digest).files)

const bakery = {
  'worker.json': '{}',
  'bakery/__init__.py': '',
  'bakery/__main__.py': 'from bakery.run import main',
  'bakery/run.py': 'import json, os.path',
  'bakery/stages/__init__.py': '',
  'bakery/stages/bake.py': 'from ..oven import heat\nfrom ..dough import (\n  yeast,\n)\nimport numpy as np',
  'bakery/stages/taste.py': 'from bakery import tongue',
  'bakery/oven/__init__.py': 'from .heat import heat',
  'bakery/oven/heat.py': '',
  'bakery/oven/broken.py': '',
  'bakery/dough/yeast.py': 'import importlib\nimportlib.import_module("bakery.dough.salt")',
  'bakery/dough/salt.py': '',
  'bakery/tongue.py': '',
  'bakery/recipes/rye.txt': 'rye',
  'bakery/recipes/readme.md': '',
}

test('an entry takes what its modules import, their packages, and what starts it', () => {
  expect(taken(bakery, { modules: ['bakery.stages.bake'] })).toEqual([
    'bakery/__init__.py',
    'bakery/__main__.py',
    'bakery/dough/salt.py',
    'bakery/dough/yeast.py',
    'bakery/oven/__init__.py',
    'bakery/oven/heat.py',
    'bakery/run.py',
    'bakery/stages/__init__.py',
    'bakery/stages/bake.py',
  ])
})

test('a change in the evaluation changes no other entry', () => {
  const closure = (tongue: string, module: string) =>
    codeClosure(new Map(Object.entries(bakery)), describe({ modules: [module] }), 'bake', (path) =>
      path === 'bakery/tongue.py' ? tongue : digest(path),
    ).digest
  expect(closure('one', 'bakery.stages.bake')).toBe(closure('two', 'bakery.stages.bake'))
  expect(closure('one', 'bakery.stages.taste')).not.toBe(closure('two', 'bakery.stages.taste'))
})

test('assets go with every entry', () => {
  const files = taken(bakery, { modules: ['bakery.run'], assets: ['**/*.txt'] })
  expect(files).toContain('bakery/recipes/rye.txt')
  expect(files).not.toContain('bakery/recipes/readme.md')
})

test('an entry without modules takes every file but the description and what Python leaves behind', () => {
  expect(taken({ ...bakery, 'bakery/__pycache__/run.pyc': '' }, {})).toEqual(
    Object.keys(bakery)
      .filter((path) => path !== 'worker.json')
      .sort(),
  )
})

test('a folder that is a package lies under its name', () => {
  const files = {
    'worker.json': '',
    '__init__.py': '',
    '__main__.py': 'from . import run',
    'run.py': '',
    'bake.py': 'from bakery.run import main',
    'data.txt': '',
    'other.py': '',
  }
  const code = codeClosure(
    new Map(Object.entries(files)),
    describe({ package: 'bakery', modules: ['bakery.bake'], assets: ['*.txt'] }),
    'bake',
    digest,
  )
  expect(code.files).toEqual({
    'bakery/__init__.py': 'digest of __init__.py',
    'bakery/__main__.py': 'digest of __main__.py',
    'bakery/bake.py': 'digest of bake.py',
    'bakery/data.txt': 'digest of data.txt',
    'bakery/run.py': 'digest of run.py',
  })
})

test('a script finds what lies beside it', () => {
  const files = {
    'src/worker.py': 'import helper',
    'src/helper.py': 'from sub import *',
    'src/sub/__init__.py': '',
    'src/sub/a.py': '',
    'helper.txt': '',
    'src/unused.py': '',
  }
  expect(taken(files, { command: ['python', 'src/worker.py'], modules: [] })).toEqual([
    'src/helper.py',
    'src/sub/__init__.py',
    'src/sub/a.py',
    'src/worker.py',
  ])
})

test('a module that is not there is told', () => {
  expect(() => taken(bakery, { modules: ['bakery.stages.backe'] })).toThrow(
    new OrchestrateError(
      'WORKER_INVALID',
      "entry 'bake' starts from the module 'bakery.stages.backe', which is not in the worker's folder",
    ),
  )
})
