import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Client, createClient } from '../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../orchestrator/ledger/socket-path.ts'
import { Artifact } from '../../orchestrator/protocol/manifest.ts'
import { WorkerEvent } from '../../orchestrator/protocol/worker-event.ts'
import { compareTwins, type Evidence } from '../../orchestrator/report/certificate/compare-twins.ts'
import type { JobView, RunView } from '../../orchestrator/server/api.ts'
import { readJson } from '../../orchestrator/store/json.ts'
import { layout } from '../../orchestrator/store/layout.ts'
import { openStore } from '../../orchestrator/store/open-store.ts'
import type { Store } from '../../orchestrator/store/store.ts'
import { bare, makeState, root } from '../support/daemon.ts'
import { type Slurm, slurmTests, startSlurm } from '../support/slurm.ts'
import { until } from '../support/until.ts'

const { skip, title } = slurmTests('a gang of 32 ranks on 4 nodes')

/*
 * The README's promise for clusters: the pipeline of a laptop, with another pool, on 4 nodes × 8 ranks. Two cells train the
 * same: only a tolerance differs that neither comes near, so that they are two jobs. Whichever starts first loses a node.
 * The other waits for the nodes meanwhile, and nobody touches it: it is what the first has to be equal to, bit for bit.
 */
const pipeline = `
name: gang
worker: ${join(root, 'worker-images/depthvla')}
stages:
  demos:
    entry: collect_demos
    with: { tasks: [button-press-topdown-v3], episodes_per_task: 2 }
  scenes:
    entry: collect_scenes
    with: { tasks: [button-press-topdown-v3], frames: 60 }
  train:
    entry: train_vla
    pool: cluster
    inputs: { demos: demos.demos, scenes: scenes.scenes }
    with: { preset: tiny, steps: 8, warmup: 2, batch_size: 32, scene_batch_size: 32 }
    resources: { nodes: 4, gpus: 8, cores: 8 }
    checkpoint: { every: 2 steps, keep: 8 }
matrix:
  twin:
    one: {}
    other: { train.with.bad_share: 0.02 }
`

describe.skipIf(skip)(title, () => {
  test(
    'loses a node in the middle of training, comes back on the spare one, and ends with the weights of one that did not',
    async () => {
      const slurm = await startSlurm({ nodes: 5, gpus: 8, jobcomp: 'yes' })
      onTestFinished(slurm.stop)
      const state = await makeState()
      const file = await writeFiles(state, slurm)
      const orchestrate = execa(join(root, 'orchestrator/cli/orchestrate'), ['run', file, '--json', '--state', state], {
        env: bare(),
        extendEnv: false,
        reject: false,
        stderr: 'inherit',
      })
      const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
      onTestFinished(async () => void (await stopDaemon(state)))
      const run = await untilAnswers(async () => (await client.runs())[0]?.run)

      const saved = (view: RunView) => view.jobs.find((job) => job.stage === 'train' && job.progress?.savedAt != null)
      const training = saved(await until(client, run, (view) => saved(view) !== undefined)) as JobView
      const gang = await nodesOf(slurm, training, client)
      expect(gang).toHaveLength(4)
      const lost = gang[3] as string
      await slurm.lose(lost)

      const { exitCode, stdout } = await orchestrate
      expect(exitCode).toBe(0)
      const jobs: JobView[] = JSON.parse(stdout).jobs.filter((job: JobView) => job.stage === 'train')
      const [hit, spared] = [jobs.find(({ key }) => key === training.key), jobs.find(({ key }) => key !== training.key)]
      expect([hit?.attempts, spared?.attempts]).toEqual([2, 1])

      const { attemptList } = await client.job(training.key, run)
      expect(attemptList.map(({ outcome }) => outcome)).toEqual(['nodeLost', 'done'])
      expect(attemptList[1]?.resumed).toMatch(/manifest\.json$/)
      const spare = ['node1', 'node2', 'node3', 'node4', 'node5'].filter((node) => !gang.includes(node))
      const second = await nodesOf(slurm, training, client)
      expect(second).toEqual(expect.arrayContaining(spare))
      expect(second).not.toContain(lost)

      const store = await openStore({ url: pathToFileURL(join(state, 'store')).href })
      const twins = await Promise.all([
        evidence(store, client, spared as JobView),
        evidence(store, client, hit as JobView),
      ])
      expect(twins[0].outputs.policy?.map(({ path }) => path)).toContain('model.safetensors')
      expect(twins[1].curves).toHaveLength(2)
      const { compared } = compareTwins(...twins)
      expect(compared.map(({ what }) => what)).toEqual(
        expect.arrayContaining(['output policy', 'metric loss.flow', 'metric loss.depth', 'results']),
      )
      expect(compared.filter(({ difference }) => difference !== null)).toEqual([])
    },
    2 * 3600_000,
  )
})

async function writeFiles(state: string, slurm: Slurm): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orc-gang-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'shared'))
  const pool = { engine: 'slurm', directory: join(folder, 'shared'), conf: slurm.conf, poll: '1s' }
  await writeFile(join(state, 'pools.yaml'), JSON.stringify({ pools: { cluster: pool } }))
  await writeFile(join(folder, 'gang.yaml'), pipeline)
  return join(folder, 'gang.yaml')
}

/** Of its newest attempt: Slurm's own record, or what it runs now. */
async function nodesOf(slurm: Slurm, job: JobView, client: Client): Promise<string[]> {
  const { attemptList } = await client.job(job.key)
  const name = attemptList.at(-1)?.attempt ?? ''
  const running = await slurm.run('squeue', '--noheader', `--name=${name}`, '--format=%N')
  const record = await readFile(join(slurm.folder, 'log/jobcomp.txt'), 'utf8').catch(() => '')
  const ended = record.split('\n').find((line) => line.includes(` Name=${name} `))
  const list = running || /NodeList=(\S+)/.exec(ended ?? '')?.[1] || ''
  return (await slurm.run('scontrol', 'show', 'hostnames', list)).split('\n')
}

/** A page and a file beside the weights name the job and its config, of which the twins have one each. */
const TELL_WHAT_MADE_IT = ['README.md', 'config.json']

/** What the job left. At which steps it saved depends on how long saving took, so that the twins' last states may differ. */
async function evidence(store: Store, client: Client, job: JobView): Promise<Evidence> {
  const artifact = await readJson(store, layout.artifact(job.key), Artifact)
  const outputs = Object.entries(artifact?.outputs ?? {}).map(
    ([name, { files }]) => [name, files.filter(({ path }) => !TELL_WHAT_MADE_IT.includes(path))] as const,
  )
  const { attemptList } = await client.job(job.key)
  const curves = attemptList.map(async ({ directory }) =>
    curveOf(await readFile(join(directory, 'events.0.jsonl'), 'utf8')),
  )
  return { outputs: Object.fromEntries(outputs), state: null, curves: await Promise.all(curves), results: job.metrics }
}

const curveOf = (lines: string): Evidence['curves'][number] =>
  lines
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => {
      const event = WorkerEvent.parse(JSON.parse(line))
      return event.type === 'metric' ? [{ name: event.name, step: event.step ?? 0, value: event.value }] : []
    })

const stopDaemon = (state: string) =>
  execa(join(root, 'orchestrator/cli/orchestrate'), ['stop', '--state', state], {
    env: bare(),
    extendEnv: false,
    reject: false,
  })

/** The command has just been started: asks until its daemon answers with something. */
async function untilAnswers<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
