import { expect, test } from 'vitest'
import { endOf, ends, type Lab, look, never } from '../lab.ts'

export function started(lab: Lab): void {
  test('a start can be waited for, by another engine too', async () => {
    const launch = lab.job(['wait'])
    const { attempt } = launch.job
    await lab.engine.launch(launch)
    for (const engine of [lab.engine, lab.place.engine()]) {
      await engine.started(attempt, never())
      expect((await look(engine, attempt))?.state).toBe('running')
    }
    await lab.kill(attempt)
    for (const engine of [lab.engine, lab.place.engine()]) await engine.started(attempt, never())
  })

  test('an end can be waited for before the start, by another engine too', async () => {
    const launch = lab.job(['leave', '0'])
    const ended = [lab.engine, lab.place.engine()].map((engine) => engine.ended(launch.job.attempt, never()))
    await lab.engine.launch(launch)
    await Promise.all(ended)
    expect(ends(await endOf(lab.engine, launch.job.attempt))).toEqual([0])
  })

  test('who waits for an end can stop waiting, and the attempt does not notice', async () => {
    const attempt = await lab.startReady(['wait'])
    for (const waiting of [lab.engine, lab.place.engine()]) {
      const stop = new AbortController()
      const ended = waiting.ended(attempt, stop.signal)
      stop.abort(new Error('enough'))
      await expect(ended).rejects.toThrow('enough')
    }
    expect((await look(lab.engine, attempt))?.state).toBe('running')
    await lab.kill(attempt)
  })
}
