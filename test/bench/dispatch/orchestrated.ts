import { prepare, upload } from '../../../orchestrator/cli/submit/submit.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { ended, until } from '../../support/until.ts'
import { firstLineAt, now } from '../by-hand.ts'
import type { Lab } from '../lab.ts'
import type { Prepare } from './way.ts'

/** A step that is never reached, another for each job: another config, so another job, which does the same. */
let never = 1000

/** Jobs of a pool of the lab's daemon, submitted by a client that is warm. */
export const orchestrated =
  (pool: string, jobs = 100): Prepare =>
  async ({ lab }) => {
    const many = async (count: number): Promise<number> => (await runJobs(lab, pool, count)).ms
    const first = async (): Promise<number> => {
      const { from, directory } = await runJobs(lab, pool, 1)
      return (await firstLineAt(directory)) - from
    }
    await first()
    return [{ name: pool, first, many, jobs }]
  }

/** A pipeline of so many jobs that do nothing. */
export const noops = (pool: string, count: number): Promise<string> =>
  writePipeline(
    `  noop: { entry: count, pool: ${pool}, with: { steps: 0, fail_at: "$\{matrix.n}" } }`,
    `matrix: { n: [${Array.from({ length: count }, () => never++).join(', ')}] }`,
  )

/** One run of them, from its submission until the client knows that it is over. Returns when all is quiet again. */
export async function runJobs({ client }: Lab, pool: string, count: number) {
  const prepared = await prepare(await noops(pool, count), { cache: true })
  await upload(client, prepared)
  const from = now()
  const { run } = await client.submit(prepared.submission)
  const { state, jobs } = await until(client, run, ended)
  const ms = now() - from
  if (state !== 'succeeded') throw new Error(`run ${run} ended as ${state}: ${jobs[0]?.error?.message}`)
  await until(client, run, (view) => view.report !== null)
  const attempts = (await client.job(jobs[0]?.key ?? '', run)).attemptList
  // One that was replaced counts for what it took, and is no secret.
  for (const { attempt, outcome, error } of attempts.slice(0, -1))
    console.log(`${attempt}: ${outcome}: ${error?.message}`)
  return { from, ms, directory: attempts.at(-1)?.directory ?? '' }
}
