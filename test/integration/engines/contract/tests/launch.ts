import { expect, test } from 'vitest'
import { endOf, type Lab, look, untilReady } from '../lab.ts'

export function launch(lab: Lab): void {
  test('launching again, also at once and by another engine, starts once', async () => {
    const launch = lab.job(['started'])
    const { attempt } = launch.job
    const other = lab.place.engine()
    await Promise.all([lab.engine, lab.engine, other, lab.place.engine()].map((engine) => engine.launch(launch)))
    await lab.engine.launch(launch)
    await untilReady(lab.engine, attempt)
    expect(await other.living()).toContain(attempt)
    await lab.engine.signal(attempt, 'SIGTERM')
    await endOf(lab.engine, attempt)
    expect(await other.living()).not.toContain(attempt)
    await other.launch(launch)
    expect((await look(other, attempt))?.state).toBe('exited')
    expect(lab.read(attempt, 'events.0.jsonl').trim().split('\n')).toHaveLength(1)
  })

  test('many launches at once each start their own', async () => {
    const launches = Array.from({ length: 8 }, (_, code) => lab.job(['leave', `${code}`]))
    await Promise.all(launches.map((launch) => lab.engine.launch(launch)))
    const codes = launches.map(async ({ job }) => (await endOf(lab.engine, job.attempt)).ranks.map(({ code }) => code))
    expect(await Promise.all(codes)).toEqual(launches.map((_, code) => [code]))
  })

  test('thirty-two ranks are a gang too', async () => {
    const exit = await endOf(lab.engine, await lab.start(['leave', '0'], { ranks: 32 }))
    expect(exit.ranks.map(({ rank, code }) => [rank, code])).toEqual(Array.from({ length: 32 }, (_, rank) => [rank, 0]))
  })

  test('a command that does not exist is said, not guessed from a code', async () => {
    const exit = await endOf(lab.engine, await lab.start([], { command: ['no-such-program'], ranks: 2 }))
    expect(exit).toMatchObject({ cause: 'launcher', ranks: [], firstBad: null })
    expect(exit.message).toContain('no-such-program')
  })
}
