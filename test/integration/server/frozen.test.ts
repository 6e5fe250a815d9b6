import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { AttemptView } from '../../../orchestrator/server/api.ts'
import { layout } from '../../../orchestrator/store/layout.ts'
import { type Daemon, ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { untilExists } from '../../support/files.ts'
import { savingWorker, submitFile, writeWorker } from '../../support/pipelines.ts'

/** The first attempt waits before step 8 for a file, the second before step 13 for ever, and each says which it was. */
const waiting = (gate: string) => (source: string) =>
  source
    .replace(
      '    time.sleep(config["delay_ms"] / 1000)\n',
      `    while (job["fence"], step) == (1, 8) and not os.path.exists("${gate}") or (job["fence"], step) == (2, 13):
        time.sleep(0.02)
`,
    )
    .replace('tell("done", metrics={', 'tell("done", metrics={"fence": job["fence"], ')

const stages =
  '  train: { entry: train, with: { steps: 20 }, checkpoint: { every: 5 steps }, retry: { backoff: 100ms } }'

test('an attempt that was frozen, replaced and woken goes on, saves and finishes, and changes nothing', async () => {
  const folder = await makeState()
  const store = join(folder, 'store')
  const env = { ORCHESTRATE_STORE: `file://${store}` }
  const start = async (state: string): Promise<Daemon> => startDaemon(join(folder, state), env)
  const gate = join(folder, 'gate')
  const file = await writeWorker(folder, waiting(gate), stages, '', savingWorker)

  const first = await start('first')
  const { run } = await submitFile(first.client, file)
  await until(first.client, run, (view) => view.jobs[0]?.progress?.step === 7)
  const { key, attemptList } = await first.client.job('train', run)
  const frozen = attemptList[0] as AttemptView
  const pids = await processesOf(frozen)
  onTestFinished(() => signal(pids, 'SIGKILL'))
  signal(pids, 'SIGSTOP')
  await writeFile(gate, '') // it would go on now, were it not frozen
  await first.kill()
  await silence(store)

  const { client, stop } = await start('second')
  const replaced = await until(client, run, (view) => view.jobs[0]?.progress?.step === 12)
  const before = await client.checkpoints(run)
  expect(before.map(({ fence, step }) => `${fence}/${step}`)).toEqual(['1/5', '2/10'])
  expect(before[1]?.parent).toBe(before[0]?.manifest)

  const over = untilExists(join(frozen.directory, 'exit.json'))
  signal(pids, 'SIGCONT')
  await over
  expect(await steps(join(store, layout.checkpoints(key, 0, 1)))).toEqual([5, 10, 15])
  expect((await readFile(join(frozen.directory, 'events.0.jsonl'), 'utf8')).trimEnd()).toMatch(/"done".*$/)
  expect(await client.run(run)).toMatchObject({ state: 'running', jobs: [{ metrics: {}, progress: { step: 12 } }] })
  expect(replaced.jobs[0]?.progress?.step).toBe(12)

  // What comes next goes on from where the second attempt was, however far the first one got in the meantime.
  const second = (await client.job(key, run)).attemptList.find(({ fence }) => fence === 2) as AttemptView
  signal((await processesOf(second)).slice(1), 'SIGKILL')
  const view = await until(client, run, ended)
  const third = (await client.job(key, run)).attemptList.find(({ fence }) => fence === 3)
  expect(third?.resumed).toBe(layout.checkpoints(key, 0, 2).concat('/10/manifest.json'))
  expect(view).toMatchObject({ state: 'succeeded', cells: [{ metrics: { fence: 3 } }] })
  const artifact = await readFile(join(store, layout.artifact(key)), 'utf8')
  expect(JSON.parse(artifact)).toMatchObject({ fences: [3], metrics: { fence: 3 } })

  // The control plane of the attempt that was woken comes back, and finds its end: too late for that one too.
  await expect(start('first')).rejects.toMatchObject({ code: 'STORE_OWNED' })
  await stop()
  const again = await start('first')
  expect(await again.client.run(run)).toMatchObject({ state: 'succeeded', cells: [{ metrics: { fence: 3 } }] })
  expect(await readFile(join(store, layout.artifact(key)), 'utf8')).toBe(artifact)
})

/** The launcher, then its rank. */
async function processesOf({ directory }: AttemptView): Promise<number[]> {
  const [hello = ''] = (await readFile(join(directory, 'events.0.jsonl'), 'utf8')).split('\n')
  const files = [await readFile(join(directory, 'claim'), 'utf8'), hello]
  return files.map((text) => (JSON.parse(text) as { pid: number }).pid)
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {} // it has ended
  }
}

/** As if the control plane that has the store had been silent for a minute. */
async function silence(store: string): Promise<void> {
  const then = Date.now() / 1000 - 60
  for (const name of [layout.epoch(1), layout.heartbeat(1)]) await utimes(join(store, name), then, then)
}

const steps = async (folder: string): Promise<number[]> => (await readdir(folder)).map(Number).sort((a, b) => a - b)
