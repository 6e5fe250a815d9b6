import { join } from 'node:path'
import { submitFile, writePipeline } from '../../support/pipelines.ts'
import { spawnDaemon } from '../../support/spawn-daemon.ts'
import { ended, until } from '../../support/until.ts'
import { type Bench, type Goal, table } from '../bench.ts'
import { firstLineAt, now } from '../by-hand.ts'
import type { Lab } from '../lab.ts'
import { median, quantile } from '../statistics.ts'
import { type Replaced, replace } from './attempts.ts'
import { plainBullmq } from './plain.ts'
import { silence, type Taken } from './silent-worker.ts'

const KILLS = 20
/** Those that take a minute are done side by side, since nothing but time passes. */
const SIDE_BY_SIDE = 5
const RESTARTS = 10
const MOST_MS = 50

/** How long it takes until what was killed or frozen goes on, beside BullMQ with its defaults, which knows no more than a job's lock. */
export const recovery: Bench = {
  about: 'from kill -9 or a freeze to its detection and to the first new step, beside plain BullMQ',
  parts: {
    workers: measureWorkers,
    control: async (lab) => {
      await measureControlPlane(lab)
      return []
    },
  },
}

async function measureWorkers(lab: Lab): Promise<Goal[]> {
  // Its workers sleep: more of them than the machine has cores don't hinder each other.
  const daemon = await spawnDaemon(join(lab.folder, 'workers'), { ORCHESTRATE_CORES: String(2 * SIDE_BY_SIDE) })
  lab.atEnd(daemon.stop)
  const { client } = daemon
  const plain = await plainBullmq(lab)
  // BullMQ's take up to a minute of waiting, in which the machine is free for the others.
  const killed = silence(plain, 'SIGKILL', SIDE_BY_SIDE)
  const frozen = silence(plain, 'SIGSTOP', SIDE_BY_SIDE)
  const quick: Replaced[] = []
  for (let round = 0; round < KILLS; round++)
    quick.push(await replace(client, `quick${round}`, 'SIGKILL', ', retry: { backoff: 1ms }'))
  const names = Array.from({ length: SIDE_BY_SIDE }, (_, index) => index)
  const defaults = await Promise.all(names.map((index) => replace(client, `killed${index}`, 'SIGKILL', '')))
  const hung = await Promise.all(names.map((index) => replace(client, `hung${index}`, 'SIGSTOP', '')))
  console.log(
    `From the signal, s, median (and slowest); ${KILLS} kills, the others ${SIDE_BY_SIDE} side by side. All settings at their defaults,\nbut for a back-off of 1 ms where the 5 s are not named; that a worker is hung is found after its floor of 60 s:`,
  )
  const rows = [
    row(
      'kill -9: detected',
      quick,
      (one) => one.detected,
      await killed,
      (one) => one.detected,
    ),
    row(
      'kill -9: first new step',
      quick,
      (one) => one.again,
      await killed,
      (one) => one.again,
    ),
    row(
      '  with the back-off of 5 s',
      defaults,
      (one) => one.again,
      await killed,
      (one) => one.again,
    ),
    row(
      'SIGSTOP: detected',
      hung,
      (one) => one.detected,
      await frozen,
      (one) => one.detected,
    ),
    row(
      'SIGSTOP: first new step',
      hung,
      (one) => one.again,
      await frozen,
      (one) => one.again,
    ),
  ]
  console.log(table([['', 'orchestrate', 'BullMQ', 'ratio'], ...rows]))
  const detected = median(quick.map((one) => one.detected))
  const what = `kill -9 of a rank to the ledger knowing it ≤ ${MOST_MS} ms (median)`
  return [{ what, measured: `${detected.toFixed(1)} ms`, met: detected <= MOST_MS }]
}

function row(
  name: string,
  ours: readonly Replaced[],
  of: (one: Replaced) => number,
  theirs: readonly Taken[],
  their: (one: Taken) => number,
): string[] {
  const [path, plain] = [ours.map(of), theirs.map(their)]
  return [name, seconds(path), seconds(plain), (median(path) / median(plain)).toPrecision(2)]
}

const seconds = (ms: readonly number[]): string =>
  `${(median(ms) / 1000).toFixed(3)} (${(quantile(ms, 1) / 1000).toFixed(2)})`

/** kill -9 of the control plane, and it is started again at once, in turns with a process of BullMQ's workers. */
async function measureControlPlane(lab: Lab): Promise<void> {
  const state = join(lab.folder, 'restarted')
  let daemon = await spawnDaemon(state)
  lab.atEnd(() => daemon.stop())
  const plain = await plainBullmq(lab)
  const file = await writePipeline('  next: { entry: count, with: { steps: 1 } }')
  const [serving, served, taken]: number[][] = [[], [], []]
  await until(daemon.client, (await submitFile(daemon.client, file)).run, ended)
  for (let round = 0; round < RESTARTS; round++) {
    const from = now()
    await daemon.kill()
    daemon = await spawnDaemon(state)
    await daemon.client.health()
    serving?.push(now() - from)
    const { run } = await submitFile(daemon.client, file, { set: [`next.with.fail_at=${1000 + round}`] })
    await until(daemon.client, run, ended)
    const directory = (await daemon.client.job('next', run)).attemptList[0]?.directory ?? ''
    served?.push((await firstLineAt(directory)) - from)
    const queue = `restarted-${round}`
    const first = await plain.worker(queue)
    const start = now()
    first.process.kill('SIGKILL')
    const [next] = await Promise.all([plain.worker(queue), plain.add(queue, 0)])
    taken?.push((await next.heard('started', queue)) - start)
    next.process.kill('SIGKILL')
  }
  if (!serving || !served || !taken) return
  console.log(
    `From kill -9 of the control plane, which is started again at once, s, median (and slowest) of ${RESTARTS}:`,
  )
  console.log(
    table([
      ['', 'orchestrate', 'BullMQ', 'ratio'],
      ['it answers', seconds(serving), '–', '–'],
      ['the next job has begun', seconds(served), seconds(taken), (median(served) / median(taken)).toPrecision(2)],
    ]),
  )
}
