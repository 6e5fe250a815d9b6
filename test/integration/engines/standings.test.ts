import { expect, test } from 'vitest'
import { standingsBy } from '../../../orchestrator/engines/prepare/standings.ts'
import { Lab } from './contract/lab.ts'
import { localPlace } from './contract/local-place.ts'

test('a host without a ledger knows of its attempts which may run and which are over', async () => {
  const lab = new Lab(localPlace)
  await lab.open()
  try {
    const standings = standingsBy(lab.engine)
    const [running, over] = [await lab.startReady(['wait']), await lab.startReady(['wait'])]
    const [revoked, unknown] = [lab.job([]).job.attempt, lab.job([]).job.attempt]
    await lab.kill(over)
    await lab.engine.revoke(revoked)
    expect(await standings([running, over, revoked, unknown])).toEqual(
      new Map([
        [running, 'live'],
        [over, 'over'],
        [revoked, 'over'],
      ]),
    )
    await lab.kill(running)
  } finally {
    await lab.close()
  }
})
