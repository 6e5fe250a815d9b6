import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { endOf, eventually, type Lab, untilReady } from '../lab.ts'
import { processesOf } from '../processes-of.ts'

export function leftovers(lab: Lab): void {
  test.each(['leave', 'wait'])('nothing is left of what a rank has started when it ends (%s)', async (how) => {
    const attempt = await lab.start(['breed', how], { ranks: 2 })
    if (how === 'wait') {
      await untilReady(lab.engine, attempt, 2)
      await eventually(() => expect(processesOf(attempt).length).toBeGreaterThanOrEqual(8)) // it does see them
      await lab.engine.signal(attempt, 'SIGTERM')
    }
    await endOf(lab.engine, attempt)
    // Who holds the record may take a moment more to go than it took to write it.
    await eventually(() => expect(processesOf(attempt)).toEqual([]))
  })

  test('a file that a rank left in its folder for temporary ones is gone, also when it was killed', async () => {
    for (const end of ['SIGTERM', 'SIGKILL'] as const) {
      const attempt = await lab.startReady(['litter'])
      const [path = ''] = lab.read(attempt, 'stdout.0.log').split('\n')
      expect(path).toMatch(/^\/.+litter$/)
      await lab.engine.signal(attempt, end)
      await endOf(lab.engine, attempt)
      expect(existsSync(dirname(path))).toBe(false)
    }
  })

  test('secrets are gone with the attempt', async () => {
    const launch = { ...lab.job(['leave', '1']), secrets: { TOKEN: 'planted-7f3a' } }
    await lab.engine.launch(launch)
    await endOf(lab.engine, launch.job.attempt)
    expect(filesWith('planted-7f3a', lab.engine.directory(launch.job.attempt))).toBe('')
  })
}

function filesWith(text: string, folder: string): string {
  try {
    return execFileSync('grep', ['-rl', text, folder], { encoding: 'utf8' })
  } catch {
    return '' // grep's way to say: nothing found
  }
}
