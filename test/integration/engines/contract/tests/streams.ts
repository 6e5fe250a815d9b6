import { expect, test } from 'vitest'
import { endOf, ends, type Lab, look, untilWritten } from '../lab.ts'

export function streams(lab: Lab): void {
  test('what a rank writes is there while it runs, and what comes later is added', async () => {
    const attempt = await lab.start(['talk'], { ranks: 2 })
    const seen: Record<string, string> = {}
    for (const turn of ['first', 'second']) {
      for (const rank of [0, 1]) {
        for (const file of [`events.${rank}.jsonl`, `stdout.${rank}.log`, `stderr.${rank}.log`]) {
          await untilWritten(lab.engine, attempt, file, `${turn} word of ${rank}\n`)
          const now = lab.read(attempt, file)
          expect(now.startsWith(seen[file] ?? '')).toBe(true)
          seen[file] = now
        }
      }
      expect((await look(lab.engine, attempt))?.state).toBe('running')
      await lab.engine.signal(attempt, 'SIGUSR1') // go on
    }
    await lab.engine.signal(attempt, 'SIGTERM')
    expect(ends(await endOf(lab.engine, attempt))).toEqual([75, 75])
    // Said on its way out: complete once it has ended.
    for (const rank of [0, 1]) expect(lab.read(attempt, `events.${rank}.jsonl`)).toContain(`last word of ${rank}\n`)
  })
}
