import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { commands } from '../../../orchestrator/cli/program.ts'

const executable = resolve('orchestrator/cli/orchestrate')
const orchestrate = (args: string[], options: { cwd?: string; file?: string } = {}) =>
  execa(options.file ?? executable, args, { reject: false, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) })

test('--help names every command', async () => {
  const { stdout, exitCode } = await orchestrate(['--help'])
  expect(exitCode).toBe(0)
  for (const { name, summary } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} +${summary}`, 'm'))
})

test.each(commands)('$name --help has examples that begin with the command', async ({ name, load }) => {
  const written: string[] = []
  const command = (await load()).command().configureOutput({ writeOut: (text) => written.push(text) })
  command.outputHelp()
  const help = written.join('')
  expect(help.slice(help.indexOf('Examples:'))).toContain(`$ orchestrate ${name}`)
})

test.each([
  ['an unknown command', ['statsu'], 'Did you mean status?'],
  ['an unknown option', ['status', '--jsno'], 'Did you mean --json?'],
  ['a missing argument', ['run'], "missing required argument 'file'"],
  ['a value that makes no sense', ['logs', 'train', '--rank', 'x'], 'whole number'],
])('%s ends with 2 and says so on standard error only', async (_name, args, words) => {
  const { stdout, stderr, exitCode } = await orchestrate(args)
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
  expect(stderr).toContain(words)
})

test('a mistake is one sentence, one hint and no stack; with --json also one document', async () => {
  const { stdout, stderr, exitCode } = await orchestrate(['plan', '/nowhere.yaml', '--json'])
  expect(exitCode).toBe(2)
  expect(stderr).toBe('✘ /nowhere.yaml: no such file (INPUT_NOT_FOUND)\n  check the path')
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: 'INPUT_NOT_FOUND',
      message: '/nowhere.yaml: no such file',
      hint: 'check the path',
      exit: 2,
      problems: [],
    },
  })
})

test('the schema is one JSON document', async () => {
  expect(JSON.parse((await orchestrate(['schema'])).stdout)).toHaveProperty('properties')
})

test('a reader that leaves early is no error', async () => {
  const { stderr, exitCode } = await execa('sh', ['-c', `'${executable}' schema | head -c 1; exit 0`])
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
})

test('it works through links, from any folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orc-bin-'))
  symlinkSync(executable, join(folder, 'one'))
  symlinkSync('one', join(folder, 'two'))
  const { stdout } = await orchestrate(['--version'], { file: join(folder, 'two'), cwd: '/' })
  expect(stdout).toMatch(/^\d+\.\d+\.\d+$/)
})

test('where set-up was not done it says what to type', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orc-bare-'))
  mkdirSync(join(folder, 'orchestrator/cli'), { recursive: true })
  await copyFile(executable, join(folder, 'orchestrator/cli/orchestrate'))
  const { stderr, exitCode } = await orchestrate([], { file: join(folder, 'orchestrator/cli/orchestrate') })
  expect(exitCode).toBe(4)
  expect(stderr).toContain('npm run setup')
  expect(stderr.split('\n')).toHaveLength(1)
})
