import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Client } from '../../../orchestrator/cli/client/client.ts'
import type { AttemptView, RunView } from '../../../orchestrator/server/api.ts'
import { ended, makeState, startDaemon, until } from '../../support/daemon.ts'
import { submitFile, submitStages, writeWorker } from '../../support/pipelines.ts'

const start = (state: string, floor = 3) => startDaemon(state, { ORCHESTRATE_HANG_FLOOR_S: String(floor) })

/** A worker that says where it is when it is asked, and does `what` in step 20 of its first attempt. */
const stuckAt20 =
  (what: string, imports = '') =>
  (source: string): string =>
    source
      .replace('import json', `import faulthandler\nimport json${imports}`)
      .replace('def count()', `${what}\n\ndef count()`)
      .replace(
        '        tell("progress"',
        '        if step == 20 and job["fence"] == 1:\n            stuck()\n        tell("progress"',
      )
      .replace('signal.signal(', 'faulthandler.register(signal.SIGUSR2, all_threads=True)\nsignal.signal(')

/** Commits a checkpoint, as small as one can be, before step 10 of the first attempt. */
const savedAt10 = (source: string): string =>
  source
    .replace(
      'def count()',
      `def save() -> None:
    key = f"{job['prefix']}/checkpoints/10/manifest.json"
    path = job["store"]["url"].removeprefix("file://") + "/" + key
    os.makedirs(os.path.dirname(path))
    rest = {"files": [], "metrics": {}, "cursor": None, "versions": {}, "createdAt": 0}
    with open(path, "w") as file:
        json.dump({"protocol": 1, "job": job["job"], "shard": 0, "fence": 1, "step": 10, "parent": None, "world": 2, **rest}, file)
    tell("checkpoint", step=10, manifest=key, bytes=0, stall_ms=0)


def count()`,
    )
    .replace(
      '        tell("progress"',
      '        if step == 10 and rank == 0 and job["fence"] == 1:\n            save()\n        tell("progress"',
    )

const attempts = async (client: Client, view: RunView): Promise<AttemptView[]> =>
  (await client.job(view.jobs[0]?.key ?? '')).attemptList

const stacks = (attempt: AttemptView | undefined, rank: number): Promise<string> =>
  readFile(join(attempt?.directory ?? '', `stacks.${rank}.txt`), 'utf8')

/** How often the daemon has suspected an attempt. */
const suspicions = (state: string): number =>
  readFileSync(join(state, 'logs/daemon.log'), 'utf8').split('"seems to hang"').length - 1

test('a rank that was stopped is named, the stacks of all are kept, and the next attempt goes on from the last checkpoint', async () => {
  const state = await makeState()
  const { client } = await start(state)
  const stuck =
    'def stuck() -> None:\n    if rank == 1:\n        os.kill(os.getpid(), signal.SIGSTOP)\n    time.sleep(1e6)'
  const stage = 'count, with: { steps: 30, delay_ms: 50 }, resources: { ranks: 2 }, retry: { backoff: 10ms }'
  const file = await writeWorker(state, (source) => stuckAt20(stuck)(savedAt10(source)), `  slow: { entry: ${stage} }`)
  const { run } = await submitFile(client, file)
  const suspected = await until(
    client,
    run,
    (view) => ended(view) || /sign of life/.test(view.jobs[0]?.waits?.reason ?? ''),
  )
  expect(suspected.jobs[0]?.waits?.reason).toMatch(/^waits for a sign of life: none for \d+ s between two steps$/)
  const view = await until(client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 2 }] })
  const [first, second] = await attempts(client, view)
  expect(first).toMatchObject({ outcome: 'hung', error: { code: 'HUNG', rank: 1 } })
  expect(first?.error?.message).toMatch(
    /^rank 1 made no progress for \d+ s between two steps, since step 20: it was stopped by a signal \(state T\), while rank 0 is in stuck \(worker\.py:\d+\)$/,
  )
  expect(second).toMatchObject({ outcome: 'done', resumed: expect.stringMatching(/checkpoints\/10\/manifest\.json$/) })
  expect(await stacks(first, 0)).toMatch(/in stuck\n.* in count\n/)
  expect(existsSync(join(first?.directory ?? '', 'stacks.1.txt'))).toBe(false)
})

test('a rank that waits for nothing is named by the stack of the one that waits for it', async () => {
  const state = await makeState()
  const { client } = await start(state)
  const stuck = `def stuck() -> None:
    if rank == 1:
        forget_the_others()
    dist.init_process_group("gloo")


def forget_the_others() -> None:
    time.sleep(1e6)`
  const stage = 'count, with: { steps: 30, delay_ms: 50 }, resources: { ranks: 2 }, retry: { crashes: 1 }'
  const edit = stuckAt20(stuck, '\n\nimport torch.distributed as dist')
  const { run } = await submitFile(client, await writeWorker(state, edit, `  slow: { entry: ${stage} }`))
  const view = await until(client, run, ended)
  const { sentence, evidence } = await client.why('slow', run)
  expect(sentence).toMatch(
    /^slow failed after 1 attempt: rank 1 made no progress for \d+ s between two steps, since step 20: it is in forget_the_others \(worker\.py:\d+\), while rank 0 waits in \S+ \(\S+:\d+\) \(HUNG\)$/,
  )
  expect(evidence[0]).toMatch(/^File ".*worker\.py", line \d+, in forget_the_others$/)
  const [first] = await attempts(client, view)
  expect(await stacks(first, 0)).toMatch(/torch\/distributed/)
  expect(await stacks(first, 1)).toMatch(/in forget_the_others/)
})

test('control plane, Redis and workers that are stopped together, as on a laptop that sleeps, go on where they were', async () => {
  const state = await makeState()
  const { client, process: daemon } = await start(state)
  const stage = 'count, with: { steps: 4, delay_ms: 2500 }, resources: { ranks: 2 }, hang: 7s'
  const { run } = await submitStages(client, `  slow: { entry: ${stage} }`)
  await until(client, run, (view) => view.jobs[0]?.progress?.step === 1)
  await pause(1200) // until it has been silent for a while
  const pids = processesOf(state)
  expect(pids.length).toBeGreaterThanOrEqual(5) // control plane, Redis, launcher, two ranks
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await pause(8000) // what a sleep is: time that passes
  daemon.kill('SIGCONT')
  await pause(1500) // it may well wake up before its workers do
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  const view = await until(client, run, ended)
  expect(view).toMatchObject({ state: 'succeeded', jobs: [{ attempts: 1 }] })
  expect(suspicions(state)).toBe(0)
})

test('a worker whose steps become five times as slow is left in peace, and so is one that only prints', async () => {
  const state = await makeState()
  const { client } = await start(state)
  const slower = (source: string) =>
    source
      .replace('config["delay_ms"] / 1000', 'config["delay_ms"] / 1000 * (5 if step > 5 else 1)')
      .replace(
        '        tell("progress"',
        '        if chatty:\n            print(step)\n            time.sleep(1)\n            continue\n        tell("progress"',
      )
      .replace('def tell', 'chatty = job["stage"] == "chatty"\n\n\ndef tell')
  // Its last steps are longer than the floor: only what it has shown before speaks for it.
  const stage = 'count, with: { steps: 8, delay_ms: 800 }'
  const chatty = '  chatty: { entry: count, with: { steps: 8 }, hang: 3s }'
  const { run } = await submitFile(client, await writeWorker(state, slower, `  slow: { entry: ${stage} }\n${chatty}`))
  expect(await until(client, run, ended)).toMatchObject({
    state: 'succeeded',
    jobs: [{ attempts: 1 }, { attempts: 1 }],
  })
  expect(suspicions(state)).toBe(0)
})

/** Every process that was told of a state directory, by its command or its environment, or that stands in it. */
function processesOf(state: string): number[] {
  const read = (path: string, how: (path: string) => string): string => {
    try {
      return how(path)
    } catch {
      return '' // gone meanwhile, or not ours
    }
  }
  const text = (path: string): string => read(path, (file) => readFileSync(file, 'utf8'))
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) =>
      [
        text(`/proc/${name}/cmdline`),
        text(`/proc/${name}/environ`),
        read(`/proc/${name}/cwd`, readlinkSync),
        read(`/proc/${name}/fd/1`, readlinkSync),
      ].some((found) => found.includes(state)),
    )
    .map(Number)
}
