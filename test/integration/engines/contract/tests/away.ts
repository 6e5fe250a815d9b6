import { expect, test } from 'vitest'
import { endOf, ends, eventually, type Lab, untilWritten } from '../lab.ts'
import { processesOf } from '../processes-of.ts'

export function away(lab: Lab): void {
  test('an attempt that ended while no control plane was there has kept code, reason and log', async () => {
    const launch = lab.job(['talk', '3'], { ranks: 2 })
    const { attempt } = launch.job
    const first = await lab.place.controlPlane(launch)
    const watching = lab.place.engine()
    for (const rank of [0, 1]) await untilWritten(watching, attempt, `stdout.${rank}.log`, 'first word')
    await first.kill()
    await watching.signal(attempt, 'SIGTERM') // stands for whatever ends it
    await eventually(() => expect(processesOf(attempt)).toEqual([]))
    await lab.place.loseMemory(attempt)
    const later = lab.place.engine()
    const exit = await endOf(later, attempt)
    expect(ends(exit)).toEqual([3, 3])
    expect(exit).toMatchObject({ attempt, cause: 'signal' })
    expect([0, 1]).toContain(exit.firstBad) // both were told at once
    expect(lab.read(attempt, 'events.0.jsonl')).toContain('last word of 0\n')
    await later.launch(launch)
    expect(await later.revoke(attempt)).toBe('exited')
  })
}
