import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { foreignWorker } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

/** A Python without packages, and a pipeline whose worker names some. */
async function bareMachine(lock: string) {
  const folder = await mkdtemp(join(tmpdir(), 'orc-py-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  execFileSync('python3', ['-m', 'venv', '--without-pip', join(folder, 'venv')])
  await cp(foreignWorker, join(folder, 'worker'), { recursive: true })
  const description = JSON.parse(await readFile(join(foreignWorker, 'worker.json'), 'utf8'))
  await writeFile(join(folder, 'worker/worker.json'), JSON.stringify({ ...description, lock: 'requirements.lock' }))
  await writeFile(join(folder, 'worker/requirements.lock'), lock)
  const file = join(folder, 'pipeline.yaml')
  await writeFile(file, 'name: test\nworker: worker\nstages:\n  numbers: { entry: count }\n')
  const python = join(folder, 'venv/bin/python')
  return { file, python, ...(await freshOrchestrate({ ORCHESTRATE_PYTHON: python })) }
}

/** What `pip install` leaves behind, as far as its version is concerned. */
async function installed(python: string, name: string, version: string): Promise<void> {
  const line = 'import sysconfig; print(sysconfig.get_path("purelib"))'
  const folder = join(execFileSync(python, ['-c', line], { encoding: 'utf8' }).trim(), `${name}-${version}.dist-info`)
  await mkdir(folder)
  await writeFile(join(folder, 'METADATA'), `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`)
}

test('a Python without the worker’s packages is one error before anything is queued', async () => {
  const { file, python, orchestrate } = await bareMachine('torch==2.0.0\nnumpy==2.0.0\nav==1.0\nscipy==1.0 # why\n')
  const { exitCode, stderr } = await orchestrate('run', file)
  expect(exitCode).toBe(4)
  expect(stderr).toContain(`${python} has no torch, numpy, av and 1 more, which requirements.lock of the worker names`)
  expect(stderr).toContain('(PYTHON_INCOMPLETE)\n  run `npm run setup`')
  expect(JSON.parse((await orchestrate('status', '--json')).stdout)).toEqual({ runs: [], hosts: [], troubles: [] })
})

test('another version is a warning, each time; an interpreter that was found right isn’t asked again', async () => {
  const { file, python, state, orchestrate } = await bareMachine('some-package==2.0.0\n')
  await installed(python, 'some_package', '1.9')
  const warning = /warning: some-package 1\.9 is installed, requirements\.lock says 2\.0\.0/
  const first = await orchestrate('run', file)
  expect([first.exitCode, first.stderr]).toEqual([0, expect.stringMatching(warning)])
  const stamps = await readdir(join(state, 'python'))
  expect(stamps).toHaveLength(1)
  const again = await orchestrate('run', file)
  expect([again.exitCode, again.stderr]).toEqual([0, expect.stringMatching(warning)])
  expect(await readdir(join(state, 'python'))).toEqual(stamps)
})

test('a Python that is not there is one error before anything is queued', async () => {
  const { file } = await bareMachine('torch==2.0.0\n')
  const { orchestrate } = await freshOrchestrate({ ORCHESTRATE_PYTHON: '/nowhere/python' })
  const { exitCode, stderr } = await orchestrate('run', file)
  expect(exitCode).toBe(4)
  expect(stderr).toContain('/nowhere/python is not there (PYTHON_MISSING)\n  run `npm run setup`')
})
