import { expect, onTestFinished, test } from 'vitest'
import { takeAccount } from '../../bench/scale/account.ts'
import { openLedger, readJobs, untilFinished, untilTold } from '../../bench/scale/ledger-of.ts'
import { setStage } from '../../bench/scale/stage.ts'
import { submitJobs } from '../../bench/scale/workload.ts'

const JOBS = 200
const AT_ONCE = 20

test('of two hundred jobs on a cluster that fails often, none is lost or doubled, also when the daemon dies on the way', async () => {
  const stage = await setStage({ atOnce: AT_ONCE, seed: 3, meanSeconds: 0.5, tellSeconds: 0.2 })
  onTestFinished(stage.end)
  const { run } = await submitJobs(stage, JOBS)
  await untilTold(stage.redisSocket, (jobs) => jobs.filter(({ events }) => events.length > 8).length > JOBS / 4)
  await stage.restart()
  await untilFinished(stage.redisSocket, run)

  const { link, ledger } = await openLedger(stage.redisSocket)
  const account = takeAccount(await readJobs(ledger), await stage.seen(), AT_ONCE)
  await link.close()
  expect(account.lost).toEqual([])
  expect(account.doubled).toEqual([])
  expect(account.jobs).toBe(JOBS)
  expect(account.mostAtOnce).toBeLessThanOrEqual(AT_ONCE)
  expect(account.attempts).toBeGreaterThan(JOBS / 2) // what needs one that failed is never tried
  expect((await stage.client.invariants()).violations).toEqual([])
})
