import { expect, test } from 'vitest'
import { eventually, type Lab } from '../lab.ts'

export function processes(lab: Lab): void {
  test('a rank that was stopped is seen to be', async () => {
    const attempt = await lab.startReady(['freeze'], { ranks: 2 })
    await eventually(async () => {
      const seen = (await lab.engine.processes(attempt))?.map(({ rank, state }) => [rank, state === 'T'])
      expect(seen?.sort()).toEqual([
        [0, false],
        [1, true],
      ])
    })
    await lab.kill(attempt)
    expect(await lab.engine.processes(attempt)).toBe(null)
  })
}
