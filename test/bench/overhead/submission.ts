import { join } from 'node:path'
import { prepare, upload } from '../../../orchestrator/cli/submit/submit.ts'
import { writePipeline } from '../../support/pipelines.ts'
import { ended, until } from '../../support/until.ts'
import { type Goal, table } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { quantile, random } from '../statistics.ts'
import { firstLineAt, layOut, now, readJobFile } from './by-hand.ts'

const PAIRS = 40
const WARM_UP = 5
const MOST_MS = 50

/**
 * From the submission of a run by a client that is warm to the first line that its worker writes, beside spawning that
 * worker by hand: in turns, a new job each time, the machine at rest in between.
 */
export async function measureSubmission(lab: Lab, seed: number): Promise<Goal> {
  const file = await writePipeline('  first: { entry: count, with: { steps: 1 } }')
  const { client } = lab
  await upload(client, await prepare(file, { cache: true }))
  const submitted = async (index: number): Promise<{ ms: number; directory: string }> => {
    // A step that is never reached: another config, so another job, which does the same.
    const { submission } = await prepare(file, { cache: true, set: [`first.with.fail_at=${1000 + index}`] })
    const from = now()
    const { run } = await client.submit(submission)
    await until(client, run, (view) => ended(view) && view.report !== null)
    const directory = (await client.job('first', run)).attemptList[0]?.directory ?? ''
    return { ms: (await firstLineAt(directory)) - from, directory }
  }
  const { directory } = await submitted(0)
  const job = await readJobFile(directory)
  const byHand = async (index: number): Promise<number> => {
    const own = join(lab.folder, `by-hand-${index}`)
    const start = await layOut(job, own)
    const from = now()
    await start()
    return (await firstLineAt(own)) - from
  }

  const dice = random(seed)
  const pairs: { path: number; hand: number }[] = []
  for (let index = 1; index <= WARM_UP + PAIRS; index++) {
    const handFirst = dice() < 0.5
    const early = handFirst ? await byHand(index) : 0
    const { ms: path } = await submitted(index)
    const hand = handFirst ? early : await byHand(index)
    if (index > WARM_UP) pairs.push({ path, hand })
  }
  const added = pairs.map(({ path, hand }) => path - hand)
  const row = (name: string, values: number[]): string[] => [
    name,
    ...[0.1, 0.5, 0.9, 1].map((p) => quantile(values, p).toFixed(1)),
  ]
  console.log(`From submission to the worker's first line, ${PAIRS} pairs in turns, ms:`)
  console.log(
    table([
      ['', 'p10', 'p50', 'p90', 'max'],
      row(
        'orchestrate',
        pairs.map(({ path }) => path),
      ),
      row(
        'by hand',
        pairs.map(({ hand }) => hand),
      ),
      row('added', added),
    ]),
  )
  const p50 = quantile(added, 0.5)
  return {
    what: `submission to first line adds ≤ ${MOST_MS} ms (p50)`,
    measured: `${p50.toFixed(1)} ms`,
    met: p50 <= MOST_MS,
  }
}
