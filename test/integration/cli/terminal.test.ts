import { execa } from 'execa'
import { expect, test } from 'vitest'
import { bare } from '../../support/daemon.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { executable, freshOrchestrate } from './orchestrate.ts'

const cursor = { hidden: '\u001b[?25l', shown: '\u001b[?25h' }

/** What a terminal of 60 columns is sent (`script` gives the command a real one). */
async function inTerminal(state: string, command: string, env: Record<string, string> = {}) {
  const line = `stty cols 60 rows 20; exec ${executable} ${command}`
  const { stdout, exitCode } = await execa(
    'script',
    ['--quiet', '--flush', '--return', '--command', line, '/dev/null'],
    {
      env: { ...bare(), TERM: 'xterm', NO_COLOR: '', ...env, ORCHESTRATE_STATE: state },
      extendEnv: false,
      reject: false,
    },
  )
  return { screen: stdout.replaceAll('\r\n', '\n'), exitCode }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const colour = /\u001b\[[0-9;]*m/
const plain = (text: string) => text.replaceAll(new RegExp(colour, 'g'), '')

test('on a terminal the run is redrawn in place, no line is wider than the terminal, and the cursor comes back', async () => {
  const { state } = await freshOrchestrate()
  const file = await writePipeline(
    '  slow: { entry: count, with: { steps: 40, delay_ms: 100 } }\n  after: { entry: join, inputs: { numbers: slow.numbers } }',
  )
  const { screen, exitCode } = await inTerminal(state, `run ${file}`)
  expect(exitCode).toBe(0)
  expect(screen).toMatch(colour)
  const frames = plain(screen).split(cursor.hidden)
  expect(frames.length).toBeGreaterThan(3)
  expect(plain(screen)).toMatch(/◐ slow {3}\d:\d\d {2}[━╸]*─+ {2}\d+\/40/)
  expect(plain(screen)).toContain('◌ after')
  expect(screen.lastIndexOf(cursor.shown)).toBeGreaterThan(screen.lastIndexOf(cursor.hidden))
  for (const line of frames.slice(1, -1).flatMap((frame) => frame.split('\n'))) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: movements of the cursor take no columns
    expect([...line.replace(/\r|\u001b\[[0-9?]*[A-Za-z]/g, '')].length).toBeLessThanOrEqual(60)
  }
  expect(plain(frames.at(-1) ?? '')).toContain('✔ after')
})

test('who set NO_COLOR sees none', async () => {
  const { state } = await freshOrchestrate()
  const { screen } = await inTerminal(state, `run ${await writePipeline('  quick: { entry: count }')}`, {
    NO_COLOR: '1',
  })
  expect(screen).toContain('✔ quick')
  expect(screen).not.toMatch(colour)
})
