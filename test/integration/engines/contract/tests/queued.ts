import { expect, test } from 'vitest'
import { eventually, type Lab, look, never } from '../lab.ts'

export function queued(lab: Lab): void {
  test('an attempt for which there is no room says so, and can still be revoked', async () => {
    const crowded = await lab.place.crowded()
    if (!crowded) throw new Error('nothing ever queues here: that is an exception, to be declared')
    const { engine, why } = crowded
    const launch = lab.job(['started'])
    const { attempt } = launch.job
    await engine.launch(launch)
    await eventually(async () =>
      expect(await look(engine, attempt)).toMatchObject({ state: 'queued', why: expect.stringMatching(why) }),
    )
    const heard = [engine.started(attempt, never()), engine.ended(attempt, never())]
    expect(await engine.revoke(attempt)).toBe('revoked')
    await Promise.all(heard)
    expect(await look(lab.engine, attempt)).toEqual({ state: 'revoked' })
  })
}
