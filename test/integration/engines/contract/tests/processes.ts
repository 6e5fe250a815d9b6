import { expect, test } from 'vitest'
import { endOf, ends, eventually, type Lab } from '../lab.ts'

export function processes(lab: Lab): void {
  test('a rank that was stopped is seen to be, and SIGKILL ends it', async () => {
    const attempt = await lab.startReady(['freeze'], { ranks: 2 })
    await eventually(async () => {
      const seen = (await lab.engine.processes(attempt))?.map(({ rank, state }) => [rank, state === 'T'])
      expect(seen?.sort()).toEqual([
        [0, false],
        [1, true],
      ])
    })
    await lab.engine.signal(attempt, 'SIGKILL')
    const [running, stopped] = ends(await endOf(lab.engine, attempt))
    expect(['SIGTERM', 'SIGKILL']).toContain(running) // it is sent both, at once
    expect(stopped).toBe('SIGKILL')
    expect(await lab.engine.processes(attempt)).toBe(null)
  })
}
