import { expect, test } from 'vitest'
import { endOf, ends, type Lab, look, never, untilReady } from '../lab.ts'

export function adoption(lab: Lab): void {
  test('another engine finds what this one started, hears of its end, and can end it', async () => {
    const attempt = await lab.startReady(['listen'], { ranks: 2 })
    const other = lab.place.engine()
    expect((await look(other, attempt))?.state).toBe('running')
    const ended = [other.ended(attempt, never()), lab.place.engine().ended(attempt, never())]
    await other.signal(attempt, 'SIGTERM')
    await Promise.all(ended)
    expect(ends(await endOf(other, attempt))).toEqual([75, 75])
  })

  test('an attempt outlives the control plane that launched it, and a new one takes it over', async () => {
    const launch = lab.job(['listen'], { ranks: 2 })
    const { attempt } = launch.job
    const first = await lab.place.controlPlane(launch)
    await first.kill()
    await lab.engine.launch(launch) // what a new control plane does when it isn't sure
    await untilReady(lab.engine, attempt, 2)
    expect((await look(lab.engine, attempt))?.state).toBe('running')
    const ended = lab.engine.ended(attempt, never())
    await lab.engine.signal(attempt, 'SIGTERM')
    await ended
    expect(await endOf(lab.engine, attempt)).toMatchObject({ cause: 'signal', ranks: [{ code: 75 }, { code: 75 }] })
  })
}
