import { expect, test } from 'vitest'
import { endOf, ends, type Lab, untilReady, untilWritten } from '../lab.ts'

export function signals(lab: Lab): void {
  test('every signal reaches every rank', async () => {
    const attempt = await lab.startReady(['listen'], { ranks: 3 })
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      await lab.engine.signal(attempt, signal)
      for (const rank of [0, 1, 2]) await untilWritten(lab.engine, attempt, `stdout.${rank}.log`, signal)
    }
    await lab.engine.signal(attempt, 'SIGTERM')
    const exit = await endOf(lab.engine, attempt)
    expect(ends(exit)).toEqual([75, 75, 75])
    expect(exit).toMatchObject({ cause: 'signal', firstBad: null })
    await lab.engine.signal(attempt, 'SIGTERM') // nobody is there any more, and nobody is hit
  })

  test('of attempts that were launched together only the one that is meant hears', async () => {
    const launches = Array.from({ length: 4 }, () => lab.job(['listen']))
    await Promise.all(launches.map((launch) => lab.engine.launch(launch)))
    const attempts = launches.map(({ job }) => job.attempt)
    for (const attempt of attempts) await untilReady(lab.engine, attempt)
    for (const attempt of attempts) {
      await lab.engine.signal(attempt, 'SIGUSR1')
      await untilWritten(lab.engine, attempt, 'stdout.0.log', 'SIGUSR1')
    }
    for (const attempt of attempts) {
      await lab.engine.signal(attempt, 'SIGTERM')
      expect(ends(await endOf(lab.engine, attempt))).toEqual([75])
      expect(lab.read(attempt, 'stdout.0.log')).toBe('ready\nSIGUSR1\n')
    }
  })

  test('a rank that has no handlers yet survives SIGUSR1 and SIGUSR2, but not SIGTERM', async () => {
    const attempt = await lab.start(['wait'])
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) await lab.engine.signal(attempt, signal) // while it starts
    await untilReady(lab.engine, attempt)
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) await lab.engine.signal(attempt, signal)
    await lab.engine.signal(attempt, 'SIGTERM')
    expect(ends(await endOf(lab.engine, attempt))).toEqual(['SIGTERM'])
  })

  test('who does not end in the grace period is killed', async () => {
    const attempt = await lab.startReady(['stubborn'], { ranks: 2, grace: 3 })
    await lab.engine.signal(attempt, 'SIGTERM')
    const exit = await endOf(lab.engine, attempt)
    expect(ends(exit)).toEqual(['SIGKILL', 'SIGKILL'])
    expect(exit.cause).toBe('signal')
    expect(lab.read(attempt, 'stdout.1.log')).toBe('ready\nSIGTERM, so what\n')
  })

  test('a rank that was stopped is ended by SIGKILL, with the others', async () => {
    const attempt = await lab.startReady(['freeze'], { ranks: 2 })
    await lab.engine.signal(attempt, 'SIGKILL')
    const [running, stopped] = ends(await endOf(lab.engine, attempt))
    expect(['SIGTERM', 'SIGKILL']).toContain(running) // it is sent both, at once
    expect(stopped).toBe('SIGKILL')
  })

  test('SIGKILL does not wait for the grace period, and leaves a record all the same', async () => {
    const attempt = await lab.startReady(['stubborn'], { ranks: 2 })
    await lab.engine.signal(attempt, 'SIGKILL')
    const exit = await endOf(lab.engine, attempt)
    expect(ends(exit)).toEqual(['SIGKILL', 'SIGKILL'])
    expect(exit).toMatchObject({ cause: 'signal' })
  })
}
