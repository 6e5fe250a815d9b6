import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { z } from 'zod'
import { prepare, upload } from '../../../orchestrator/cli/submit/submit.ts'
import { sendSignal } from '../../../orchestrator/engines/local/processes.ts'
import type { JobFile } from '../../../orchestrator/protocol/job-file.ts'
import { root } from '../../support/spawn-daemon.ts'
import { until } from '../../support/until.ts'
import { type Goal, table } from '../bench.ts'
import { readJobFile } from '../by-hand.ts'
import type { Lab } from '../lab.ts'
import { bounds, mean, median, random } from '../statistics.ts'
import { Arm } from './arm.ts'

/** Pairs of processes: as many as begin in this time, but two at least. */
const ROUNDS_BEGIN_MS = 210_000
const ROUNDS_MOST = 8
const PAIRS = 6
const RANKS = 2
/** A worker tells of its steps in fives. The first five after a halt are not counted: half of them, and cold. */
const COUNTED = 10
const FIRST = 5
const MOST_PERCENT = 1

const PIPELINE = `name: overhead
worker: ${join(root, 'worker-images/depthvla')}
stages:
  demos: { entry: collect_demos, with: { episodes_per_task: 3 }, resources: { cores: 2 } }
  scenes: { entry: collect_scenes, with: { frames: 64 }, resources: { cores: 2 } }
  train:
    entry: train_vla
    inputs: { demos: demos.demos, scenes: scenes.scenes }
    with: { preset: tiny, steps: 100000, batch_size: 32 }
    resources: { ranks: ${RANKS}, cores: 2 }
    checkpoint: { every: 40 steps, keep: 2 }
`

/** Milliseconds a step, and the share of a core that the processes around the ranks took meanwhile. */
type Turn = { step: number; around: number }
type Pair = { round: number; step: number; orchestrated: Turn; bare: Turn }

/**
 * Time of a training step under the daemon, the launcher and all that follows a run, beside the same code under bare
 * torchrun: the same seed, data and steps, checkpoints in both. Both are up at once and have the machine in turns, the
 * other halted whole, so that what changes on the machine meets both; the daemon and its Redis halt with the first.
 */
export async function measureSteps(lab: Lab, seed: number): Promise<Goal> {
  const file = join(lab.folder, 'overhead.yaml')
  await writeFile(file, PIPELINE)
  const dice = random(seed)
  const pairs: Pair[] = []
  const started = performance.now()
  const enough = (round: number): boolean =>
    round >= ROUNDS_MOST || (round >= 2 && performance.now() - started > ROUNDS_BEGIN_MS)
  for (let round = 0; !enough(round); round++) {
    const orchestrated = await startOrchestrated(lab, file, seed + round)
    const bare = await startBare(lab, orchestrated.job, round)
    const settle = (points: { step: number }[]): boolean => (points.at(-1)?.step ?? 0) >= FIRST
    const arms = { orchestrated: orchestrated.arm, bare: bare.arm }
    await Promise.all(Object.values(arms).map((arm) => arm.until(settle).then(() => arm.halt())))
    for (let pair = 0; pair < PAIRS; pair++) {
      // Level with each other again, whatever each did before it halted.
      const step = FIRST + pair * (COUNTED + 5) + 5
      const order = dice() < 0.5 ? (['orchestrated', 'bare'] as const) : (['bare', 'orchestrated'] as const)
      const took: Partial<Record<'orchestrated' | 'bare', Turn>> = {}
      for (const name of order) took[name] = await turn(arms[name], step)
      if (took.orchestrated && took.bare) pairs.push({ round, step, orchestrated: took.orchestrated, bare: took.bare })
    }
    arms.orchestrated.goOn()
    await Promise.all([orchestrated.end(), bare.end()])
  }
  return report(pairs)
}

/** Over `COUNTED` steps from `step` on: the median pace of its fives, as one of them may meet with something else. */
async function turn(arm: Arm, step: number): Promise<Turn> {
  const [from, before] = [performance.now(), arm.spentAround()]
  arm.goOn()
  const points = await arm.until((all) => (all.at(-1)?.step ?? 0) >= step + COUNTED)
  arm.halt()
  const around = (arm.spentAround() - before) / (performance.now() - from)
  const counted = points.filter((point) => point.step >= step && point.step <= step + COUNTED)
  const paces = counted.slice(1).map((point, index) => {
    const last = counted[index] ?? point
    return (point.t - last.t) / (point.step - last.step)
  })
  return { step: median(paces), around }
}

async function startOrchestrated(lab: Lab, file: string, seed: number) {
  const { client } = lab
  const prepared = await prepare(file, { cache: true, set: [`train.with.seed=${seed}`] })
  await upload(client, prepared)
  const { run } = await client.submit(prepared.submission)
  const view = await until(
    client,
    run,
    (now) => now.jobs.some((job) => job.stage === 'train' && job.state === 'running') || now.state !== 'running',
  )
  if (view.state !== 'running')
    throw new Error(`run ${run} ended as ${view.state}: ${view.jobs.map((job) => job.error?.message)}`)
  const directory = (await client.job('train', run)).attemptList[0]?.directory ?? ''
  const claim = z.object({ pid: z.int() }).parse(JSON.parse(await readFile(join(directory, 'claim'), 'utf8')))
  const arm = new Arm(directory, RANKS, [lab.process.pid ?? 0, lab.redis, claim.pid])
  lab.atEnd(() => {
    arm.goOn()
    sendSignal(claim.pid, 'SIGQUIT') // attempts outlive their daemon: the launcher is told itself
  })
  const end = async (): Promise<void> => {
    await client.cancel(run, 'now')
    await until(client, run, (now) => now.state !== 'running')
  }
  return { job: await readJobFile(directory), arm, end }
}

/** The same job.json but for its place, started as one does without an orchestrator. */
async function startBare(lab: Lab, like: JobFile, round: number) {
  const directory = join(lab.folder, `bare-${round}`)
  await mkdir(directory)
  const store = { url: `file://${join(lab.folder, 'bare-store')}` }
  const job: JobFile = { ...like, attempt: `bare-${round}`, store, prefix: `jobs/bare-${round}`, resume: [] }
  await writeFile(join(directory, 'job.json'), JSON.stringify(job))
  const [python = '', ...args] = job.command
  const torchrun = [
    '-m',
    'torch.distributed.run',
    '--nnodes=1',
    `--nproc-per-node=${RANKS}`,
    '--master-addr=127.0.0.1',
    `--master-port=${await freePort()}`,
  ]
  const { PATH, HOME, LANG = 'C.UTF-8' } = process.env
  const child = spawn(python, [...torchrun, ...args], {
    cwd: job.code,
    env: {
      PATH,
      HOME,
      LANG,
      OMP_NUM_THREADS: '1',
      CUDA_VISIBLE_DEVICES: '',
      ORCHESTRATE_ATTEMPT_DIR: directory,
      PYTHONPATH: job.code,
      PYTHONUNBUFFERED: '1',
      PYTHONHASHSEED: '0',
    },
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  const arm = new Arm(directory, RANKS, [child.pid ?? 0])
  const end = async (): Promise<void> => {
    // Ranks of torchrun are in sessions of their own: each is told itself.
    for (const pid of [child.pid ?? 0, ...arm.pids()]) sendSignal(pid, 'SIGKILL')
    await exited
  }
  lab.atEnd(end)
  return { arm, end }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function report(pairs: Pair[]): Goal {
  const percent = (logarithm: number): string => `${((Math.exp(logarithm) - 1) * 100).toFixed(2)} %`
  const logs = pairs.map(({ orchestrated, bare }) => Math.log(orchestrated.step / bare.step))
  const all = bounds(logs)
  const of = (name: 'orchestrated' | 'bare', what: keyof Turn): number[] => pairs.map((pair) => pair[name][what])
  console.log(
    `Training step (train_vla, tiny, ${RANKS} ranks), ${pairs.length} pairs of ${COUNTED} steps in turns, ms a step:`,
  )
  console.log(
    table([
      ['processes, steps', 'orchestrate', 'torchrun', 'overhead'],
      ...pairs.map(({ round, step, orchestrated, bare }, index) => [
        `${round + 1}, ${step}–${step + COUNTED}`,
        orchestrated.step.toFixed(1),
        bare.step.toFixed(1),
        percent(logs[index] ?? Number.NaN),
      ]),
      [
        'median',
        median(of('orchestrated', 'step')).toFixed(1),
        median(of('bare', 'step')).toFixed(1),
        percent(median(logs)),
      ],
    ]),
  )
  const processes = [...new Set(pairs.map(({ round }) => round))]
  const rounds = bounds(processes.map((own) => mean(logs.filter((_, index) => pairs[index]?.round === own))))
  const share = (name: 'orchestrated' | 'bare'): string => `${(mean(of(name, 'around')) * 100).toFixed(2)} %`
  console.log(
    `  mean ${percent(all.mean)}, 95 % bounds ${percent(all.lower)} and ${percent(all.upper)}; over the ${processes.length} pairs of processes ${percent(rounds.lower)} and ${percent(rounds.upper)}`,
  )
  console.log(
    `  share of a core taken meanwhile by daemon, Redis and launcher ${share('orchestrated')}, by torchrun ${share('bare')}`,
  )
  return {
    what: `a training step takes ≤ ${MOST_PERCENT} % longer (upper 95 % bound of the mean over pairs)`,
    measured: `${percent(all.mean)}, upper bound ${percent(all.upper)}`,
    met: Math.exp(all.upper) - 1 <= MOST_PERCENT / 100,
  }
}
