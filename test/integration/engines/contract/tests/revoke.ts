import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Lab, look, never, untilReady } from '../lab.ts'

export function revoke(lab: Lab): void {
  const hasStarted = (attempt: string) => existsSync(join(lab.engine.directory(attempt), 'events.0.jsonl'))

  test('what was revoked never starts', async () => {
    const launch = lab.job(['started'])
    const { attempt } = launch.job
    expect(await look(lab.engine, attempt)).toEqual({ state: 'unclaimed' })
    expect(await lab.engine.revoke(attempt)).toBe('revoked')
    expect(await lab.place.engine().revoke(attempt)).toBe('revoked')
    await lab.place.engine().launch(launch)
    await lab.engine.signal(attempt, 'SIGTERM')
    await lab.engine.ended(attempt, never())
    expect(await look(lab.engine, attempt)).toEqual({ state: 'revoked' })
    expect(hasStarted(attempt)).toBe(false)
  })

  test('what has started can not be revoked', async () => {
    const attempt = await lab.startReady(['wait'])
    expect(await lab.engine.revoke(attempt)).toBe('running')
    await lab.kill(attempt)
    expect(await lab.place.engine().revoke(attempt)).toBe('exited')
  })

  test('of a launch and a revocation at once, one wins, and both know which', async () => {
    const rounds = Array.from({ length: 8 }, async (_, round) => {
      const launch = { ...lab.job(['started']), secrets: { TOKEN: 'hush' } }
      const { attempt } = launch.job
      const launched = lab.engine.launch(launch)
      await new Promise((resolve) => setTimeout(resolve, round * 8)) // each round at another moment of the launch
      const answer = await lab.place.engine().revoke(attempt)
      await launched
      if (answer === 'running') {
        await untilReady(lab.engine, attempt)
        await lab.engine.signal(attempt, 'SIGKILL')
      }
      await lab.engine.ended(attempt, never())
      expect((await look(lab.engine, attempt))?.state).toBe(answer === 'running' ? 'exited' : 'revoked')
      expect(hasStarted(attempt)).toBe(answer === 'running')
      expect(existsSync(join(lab.engine.directory(attempt), 'secrets.json'))).toBe(false)
    })
    await Promise.all(rounds)
  })
}
