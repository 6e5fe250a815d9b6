import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { afterEach, expect, test, vi } from 'vitest'
import type { SubmitOptions } from '../../../orchestrator/cli/submit/options.ts'
import { prepare } from '../../../orchestrator/cli/submit/submit.ts'

const worker = resolve('test/fixtures/foreign-worker')
const options: SubmitOptions = { cache: true }

function pipeline(text: string, folder = mkdtempSync(join(tmpdir(), 'orc-pipeline-'))): string {
  const file = join(folder, 'p.yaml')
  writeFileSync(file, `name: p\nworker: ${worker}\n${text}`)
  return file
}

const plain = 'stages: { numbers: { entry: count } }\n'

afterEach(() => vi.unstubAllEnvs())

test('a submission has all that the daemon needs, and nothing more of the environment', async () => {
  vi.stubEnv('STEPS_OF_TEST', '4')
  vi.stubEnv('TOKEN_OF_TEST', 'hush')
  vi.stubEnv('ORCHESTRATE_OWNER', 'ana')
  const file = pipeline(
    `secrets: [TOKEN_OF_TEST]\nstages: { numbers: { entry: count, with: { steps: "\${env.STEPS_OF_TEST}" } } }\n`,
  )
  const { submission } = await prepare(file, {
    ...options,
    set: ['numbers.with.delay_ms=1'],
    label: ['why=a test', 'x=y=z'],
  })
  expect(submission).toMatchObject({
    file,
    env: { STEPS_OF_TEST: '4' },
    secrets: { TOKEN_OF_TEST: 'hush' },
    set: ['numbers.with.delay_ms=1'],
    labels: { why: 'a test', x: 'y=z' },
    owner: 'ana',
    cache: true,
  })
  expect(Object.keys(submission.worker)).toContain('worker.json')
})

test('commit and changes come from the repository around the file, without the values of secrets', async () => {
  vi.stubEnv('TOKEN_OF_TEST', 'hush-hush')
  const folder = mkdtempSync(join(tmpdir(), 'orc-pipeline-'))
  const file = pipeline(`secrets: [TOKEN_OF_TEST]\n${plain}`, folder)
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: folder })
  await git('init', '-q')
  await git('add', '.')
  await git('commit', '-q', '-m', 'first')
  expect((await prepare(file, options)).submission).toMatchObject({
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    patch: null,
  })
  writeFileSync(file, `name: p\nworker: ${worker}\nsecrets: [TOKEN_OF_TEST]\n# hush-hush\n${plain}`)
  const { patch } = (await prepare(file, options)).submission
  expect(patch).toContain('+# [redacted]')
  expect(patch).not.toContain('hush-hush')
})

test('outside a repository there is neither', async () => {
  expect((await prepare(pipeline(plain), options)).submission).toMatchObject({ commit: null, patch: null })
})

test.each([
  ['a file that is not there', () => '/nowhere/p.yaml', options, 'INPUT_NOT_FOUND', 2],
  ['a folder instead of a file', () => tmpdir(), options, 'INPUT_NOT_FOUND', 2],
  [
    'a secret that the environment lacks',
    () => pipeline(`secrets: [LACKING_OF_TEST]\n${plain}`),
    options,
    'SECRET_MISSING',
    4,
  ],
  ['a label without a value', () => pipeline(plain), { ...options, label: ['x'] }, 'ARGUMENT_INVALID', 2],
])('%s is a coded error', async (_name, file, given, code, exit) => {
  await expect(prepare(file(), given)).rejects.toMatchObject({ code, exit })
})

test('every mistake of the file is told at once, with its place, before any daemon is asked', async () => {
  const file = pipeline(
    'stages:\n  numbers: { entry: cuont }\n  joined: { entry: join, inputs: { numbers: nmbers.numbers } }\n',
  )
  await expect(prepare(file, options)).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    exit: 2,
    problems: [
      { file, line: 4, message: expect.stringContaining("'count'") },
      { file, line: 5, message: expect.stringContaining("'numbers'") },
    ],
  })
})
