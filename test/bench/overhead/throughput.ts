import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { prepare, upload } from '../../../orchestrator/cli/submit/submit.ts'
import { concurrently } from '../../../orchestrator/store/concurrently.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { ended, until } from '../../support/until.ts'
import { table } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { mean } from '../statistics.ts'
import { layOut, now, readJobFile } from './by-hand.ts'

const JOBS = 100
const ROUNDS = 2

/** Jobs a second that do nothing, a matrix of them in one run, beside spawning the same worker as many at a time. */
export async function measureThroughput(lab: Lab, seed: number): Promise<void> {
  const { client } = lab
  const atOnce = Number(process.env.ORCHESTRATE_CORES) || availableParallelism()
  const submitted = async (round: number): Promise<{ perSecond: number; directory: string }> => {
    const first = 100_000 * (seed + 1) + JOBS * round
    const axis = Array.from({ length: JOBS }, (_, index) => first + index)
    const file = await writePipeline(
      `  noop: { entry: count, with: { steps: 0, fail_at: "$\{matrix.n}" } }`,
      `matrix: { n: [${axis.join(', ')}] }`,
    )
    const prepared = await prepare(file, { cache: true })
    await upload(client, prepared)
    const from = now()
    const { run } = await client.submit(prepared.submission)
    const view = await until(client, run, ended)
    const seconds = ((view.endedAt ?? Number.NaN) - from) / 1000
    if (view.state !== 'succeeded') throw new Error(`run ${run} ended as ${view.state}`)
    await until(client, run, (now) => now.report !== null)
    const directory = (await client.job(view.jobs[0]?.key ?? '', run)).attemptList[0]?.directory ?? ''
    return { perSecond: JOBS / seconds, directory }
  }
  const byHand = async (round: number, directory: string): Promise<number> => {
    const job = await readJobFile(directory)
    const names = Array.from({ length: JOBS }, (_, index) => join(lab.folder, `plain-${round}-${index}`))
    const starts = await Promise.all(names.map((name) => layOut(job, name)))
    const from = now()
    await concurrently(starts, (start) => start(), atOnce)
    return JOBS / ((now() - from) / 1000)
  }
  const rounds: { path: number; hand: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const { perSecond, directory } = await submitted(round)
    rounds.push({ path: perSecond, hand: await byHand(round, directory) })
  }
  const [path, hand] = [mean(rounds.map((round) => round.path)), mean(rounds.map((round) => round.hand))]
  console.log(`Jobs a second that do nothing, ${atOnce} at a time, ${ROUNDS} × ${JOBS} each:`)
  console.log(
    table([
      ['', 'jobs/s', 'rounds'],
      ['orchestrate', path.toFixed(1), rounds.map((round) => round.path.toFixed(1)).join(' ')],
      ['plain spawning', hand.toFixed(1), rounds.map((round) => round.hand.toFixed(1)).join(' ')],
      ['ratio', (path / hand).toFixed(2), ''],
    ]),
  )
}
