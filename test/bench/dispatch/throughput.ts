import { type Goal, table } from '../bench.ts'
import { median } from '../statistics.ts'
import { figures, inTurns, ratio, showRatio } from './rounds.ts'
import type { Way } from './way.ts'

/** Jobs a second that do nothing, of many that are asked for in one go, until all are known to be over. */
export async function measureThroughput(ways: readonly Way[], rounds: number, seed: number): Promise<Goal[]> {
  const found = await inTurns(ways, rounds, seed, async (way) => way.jobs / ((await way.many(way.jobs)) / 1000))
  const bare = found.get('bare process') ?? []
  console.log(`Jobs a second that do nothing, ${rounds} rounds in turns:`)
  console.log(
    table([
      ['', 'jobs', 'jobs/s', 'rounds', 'times the bare process'],
      ...ways.map(({ name, jobs }) => {
        const values = found.get(name) ?? []
        const each = values.map(figures).join(' ')
        return [
          name,
          String(jobs),
          figures(median(values)),
          each,
          values === bare ? '' : showRatio(ratio(values, bare)),
        ]
      }),
    ]),
  )
  const [slurm, submitit] = [found.get('slurm'), found.get('submitit')]
  if (!slurm || !submitit) return []
  // Of jobs a second; of the time until the end it is the other way round.
  const taken = ratio(submitit, slurm)
  return [
    {
      what: `100 small jobs on Slurm finish no later than submitit's array of 100`,
      measured: `in ${showRatio(taken)} times its time`,
      met: taken.mean <= 1,
    },
  ]
}
