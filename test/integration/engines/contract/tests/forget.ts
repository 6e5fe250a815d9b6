import { expect, test } from 'vitest'
import { eventually, type Lab, look } from '../lab.ts'
import { processesOf } from '../processes-of.ts'

export function forget(lab: Lab): void {
  test('what is forgotten is gone, and what runs is not forgotten', async () => {
    const attempt = await lab.startReady(['wait'])
    await expect(lab.engine.forget(attempt)).rejects.toThrow('running')
    expect(await lab.place.remains(attempt)).not.toEqual([])
    await lab.kill(attempt)
    await lab.engine.forget(attempt)
    await lab.engine.forget(attempt)
    await eventually(() => expect(processesOf(attempt)).toEqual([]))
    await eventually(async () => expect(await lab.place.remains(attempt)).toEqual([]))
    expect(await lab.engine.living()).not.toContain(attempt)
    expect(await look(lab.place.engine(), attempt)).toEqual({ state: 'unclaimed' })
  })
}
