import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CheckpointView, CollectView } from '../../../orchestrator/server/api.ts'
import { writeSavingPipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from './orchestrate.ts'

const stages = `
  train:
    entry: train
    with: { steps: 20, delay_ms: 0 }
    checkpoint: { every: 2 steps, keep: { last: 2, every: 8 steps, best: { metric: loss } } }`

test('gc keeps what the pipeline says, checkpoints say why, verify finds what is broken, and what is gone is made again', async () => {
  const { state, orchestrate } = await freshOrchestrate()
  const file = await writeSavingPipeline(stages)
  const run = async (): Promise<object> => JSON.parse((await orchestrate('run', file, '--json')).stdout)
  const list = async () => {
    const { stdout } = await orchestrate('checkpoints', 'latest', '--json')
    return CheckpointView.array().parse(JSON.parse(stdout).checkpoints)
  }
  const gc = async (...args: string[]) => {
    const { items } = CollectView.parse(JSON.parse((await orchestrate('gc', '--json', ...args)).stdout))
    return items.map(({ action, kind, step }) => `${action} ${kind}${step === null ? '' : ` ${step}`}`).toSorted()
  }
  expect(await run()).toMatchObject({ state: 'succeeded' })

  const before = await list()
  expect(before.map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18])
  const best = before.toSorted((a, b) => (a.metrics.loss ?? 1) - (b.metrics.loss ?? 1))[0]
  const kept = before.filter(({ step }) => [8, 16, 18, best?.step].includes(step)).map(({ step }) => step)
  expect(before.filter(({ kept }) => kept.length > 0).map(({ step }) => step)).toEqual(kept)
  expect(before.at(-1)).toMatchObject({ kept: expect.arrayContaining(['lineage', 'last']), stallMs: 0 })
  expect(best?.kept).toContain('best')
  expect(before.find(({ step }) => step === 8)?.kept).toContain('every')

  const going = before.filter(({ step }) => !kept.includes(step)).map(({ step }) => step)
  expect(await gc('--dry-run')).toEqual(going.map((step) => `mark checkpoint ${step}`).toSorted())
  expect(await list()).toEqual(before)
  expect(await gc()).toEqual(going.map((step) => `mark checkpoint ${step}`).toSorted())
  expect((await list()).filter(({ marked }) => marked).map(({ step }) => step)).toEqual(going)
  const { stdout } = await orchestrate('gc', '--grace', '0s')
  expect(stdout).toMatch(/^deleted\s+checkpoints\s+beyond last 2, every 8 steps, best loss\s+\d+\s+\d+\s/m)
  expect((await list()).map(({ step }) => step)).toEqual(kept)

  const verified = await orchestrate('checkpoints', 'verify', 'latest')
  expect([verified.exitCode, verified.stdout]).toEqual([0, `${kept.length} checkpoints verified: all whole`])
  const newest = before.at(-1) ?? expect.fail()
  const damaged = join(state, 'store', newest.manifest.replace('manifest.json', 'state.json'))
  await writeFile(`${damaged}.new`, (await readFile(damaged, 'utf8')).replace('state', 'stale'))
  await writeFile(damaged, await readFile(`${damaged}.new`))
  const broken = await orchestrate('checkpoints', 'verify', 'latest', '--job', 'train')
  expect(broken.exitCode).toBe(4)
  expect(broken.stderr).toMatch(
    /1 of \d checkpoints is broken:\n.*\/state\.json has another content.*\(CHECKPOINT_BROKEN\)/,
  )
  expect((await list()).at(-1)).toMatchObject({ verified: 'broken', problems: [expect.stringContaining('state.json')] })
  expect((await orchestrate('checkpoints', 'latest')).stdout).toMatch(/broken, just now/)

  expect(await gc('--older-than', '0s')).toContain('mark artifact')
  const again = await run()
  expect(again).toMatchObject({ jobs: [{ cached: true }] })
  expect(await gc('--older-than', '0s', '--grace', '0s')).toContain('delete artifact')
  expect(await list()).toEqual([])
  expect(await run()).toMatchObject({ state: 'succeeded', jobs: [{ cached: false, attempts: 1 }] })
  expect((await list()).map(({ fence }) => fence)).toEqual(Array(9).fill(2))
})

test('a mistake in how long is said', async () => {
  const { orchestrate } = await freshOrchestrate()
  const { exitCode, stderr } = await orchestrate('gc', '--older-than', 'soon')
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/expected a duration such as 10m, 24h, 30d or 0s/)
})
