import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { endOf, type Lab, newAttempt } from '../lab.ts'

export function observe(lab: Lab): void {
  test('a thousand attempts, of which some run and some have ended, are looked at at once', async () => {
    const running = [await lab.startReady(['wait']), await lab.startReady(['wait'])]
    const ended = [await lab.start(['leave', '0']), await lab.start(['leave', '3'])]
    for (const attempt of ended) await endOf(lab.engine, attempt)
    const others = Array.from({ length: 996 }, newAttempt)
    for (const engine of [lab.engine, lab.place.engine()]) {
      const { programs, result } = await programsDuring(() => engine.observe([...running, ...ended, ...others]))
      for (const attempt of running) expect(result.get(attempt)?.state).toBe('running')
      for (const attempt of ended) expect(result.get(attempt)).toMatchObject({ state: 'exited', exit: { attempt } })
      for (const attempt of others) expect(result.get(attempt)).toEqual({ state: 'unclaimed' })
      expect(programs.length, programs.join('\n')).toBeLessThanOrEqual(3)
    }
    for (const attempt of running) await lab.kill(attempt)
  })
}

/** Node tells of each program that this process starts. */
async function programsDuring<T>(work: () => Promise<T>): Promise<{ programs: string[]; result: T }> {
  const started: ChildProcess[] = []
  const count = (message: unknown) => void started.push((message as { process: ChildProcess }).process)
  subscribe('child_process', count)
  try {
    const result = await work()
    return { programs: started.map(({ spawnargs }) => spawnargs.join(' ')), result }
  } finally {
    unsubscribe('child_process', count)
  }
}
