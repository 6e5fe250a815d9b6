import { expect, test } from 'vitest'
import { eventually, type Lab, never } from '../lab.ts'

export function queued(lab: Lab): void {
  test('an attempt for which there is no room says so, and can still be revoked', async () => {
    const crowded = await lab.place.crowded()
    if (!crowded) throw new Error('nothing ever queues here: an exception to be declared')
    const { engine, why } = crowded
    const launch = lab.job(['started'])
    const { attempt } = launch.job
    await engine.launch(launch)
    await eventually(async () => {
      const seen = (await engine.observe([attempt])).get(attempt)
      expect(seen).toMatchObject({ state: 'queued', why: expect.stringMatching(why) })
    })
    const ended = engine.ended(attempt, never())
    expect(await engine.revoke(attempt)).toBe('revoked')
    await ended
    expect((await engine.observe([attempt])).get(attempt)).toEqual({ state: 'revoked' })
    await eventually(async () =>
      expect(await lab.place.remains(attempt)).not.toContain(expect.stringContaining('queue')),
    )
  })
}
