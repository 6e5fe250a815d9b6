import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { type Client, createClient } from '../../orchestrator/cli/client/client.ts'
import { socketPath } from '../../orchestrator/ledger/socket-path.ts'
import type { JobView, RunView } from '../../orchestrator/server/api.ts'
import { bare, makeState, root } from '../support/daemon.ts'
import { until } from '../support/until.ts'

/*
 * The README's first command, at its full size, while a rank of one training and the control plane of the other are
 * killed. Nobody watching the outcome should be able to tell. It is one test because it is ten minutes.
 */
test(
  'the quickstart learns what it promises, though a worker and the control plane are killed in the middle',
  async () => {
    const state = await makeState()
    const orchestrate = (...args: string[]) =>
      execa(join(root, 'orchestrator/cli/orchestrate'), [...args, '--state', state], {
        cwd: root,
        env: { ...bare() },
        extendEnv: false,
        reject: false,
        stderr: 'inherit',
      })

    const first = orchestrate('run', 'jobs/quickstart.yaml', '--json')
    const client = createClient({ kind: 'socket', path: socketPath(state, 'daemon.sock') })
    const run = await untilAnswers(async () => (await client.runs())[0]?.run)

    const training = await until(client, run, (view) => of(view, 'train', 'no-depth-expert')?.progress?.savedAt != null)
    process.kill(await rankPid(client, of(training, 'train', 'no-depth-expert'), 1), 'SIGKILL')

    await until(client, run, (view) => (of(view, 'train', 'full')?.progress?.step ?? 0) > 0)
    process.kill((await client.health()).pid, 'SIGKILL')

    const { exitCode, stdout } = await first
    expect(exitCode).toBe(0)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ run, state: 'succeeded' })
    expect(result.report).toMatch(/index\.html$/)

    // One rank was killed: that job took a second attempt, from a checkpoint. The control plane was killed: no job noticed.
    const attempts = Object.fromEntries(result.jobs.map((job: JobView) => [`${job.stage}[${job.cells}]`, job.attempts]))
    expect(attempts).toMatchObject({
      'train[no-depth-expert]': 2,
      'train[full]': 1,
      'demos[full,no-depth-expert]': 1,
      'pseudo-depth[full]': 2,
    })
    const killed = await client.job('train[no-depth-expert]', run)
    expect(killed.attemptList[1]?.resumed).toMatch(/manifest\.json$/)

    const metrics = Object.fromEntries(
      result.cells.map((cell: { cell: string; metrics: Record<string, unknown> }) => [cell.cell, cell.metrics]),
    )
    const { full } = metrics
    expect(full['success.mean'].n).toBe(40)
    expect(full['success.mean'].k).toBeGreaterThanOrEqual(34)
    expect(full['success.untrained'].k).toBeLessThanOrEqual(4)
    expect(full['success.expert'].k).toBeGreaterThanOrEqual(36)
    expect(full['depth.absrel.random_camera']).toBeLessThanOrEqual(0.35)
    expect(full['depth.absrel.random_camera']).toBeLessThan(full['depth.absrel.random_camera.best_constant'])
    const pretrained = result.jobs.find((job: JobView) => job.stage === 'depth-pretrain')
    expect(pretrained.metrics['depth.absrel.random_camera']).toBeLessThanOrEqual(0.3)
    expect(metrics['no-depth-expert']['depth.absrel.random_camera']).toBeUndefined()

    const again = await orchestrate('run', 'jobs/quickstart.yaml', '--json')
    expect(again.exitCode).toBe(0)
    expect(JSON.parse(again.stdout).jobs.map((job: JobView) => job.cached)).not.toContain(false)
    expect((await orchestrate('stop')).exitCode).toBe(0)
  },
  4 * 3600_000,
)

const of = (view: RunView, stage: string, cell: string): JobView | undefined =>
  view.jobs.find((job) => job.stage === stage && job.cells.includes(cell))

async function rankPid(client: Client, job: JobView | undefined, rank: number): Promise<number> {
  const detail = await client.job(job?.key ?? '')
  const events = await readFile(join(detail.attemptList.at(-1)?.directory ?? '', `events.${rank}.jsonl`), 'utf8')
  return JSON.parse(events.slice(0, events.indexOf('\n'))).pid
}

/** The command has just been started: asks until its daemon answers with something. */
async function untilAnswers<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
