import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Certificates } from '../../../orchestrator/report/certificate/certificate.ts'
import { writeSavingPipeline } from '../../support/pipelines.ts'
import { freshOrchestrate } from '../cli/orchestrate.ts'

/** A run of stages that save, each faulty in its own way, and what is left of the twins afterwards. */
async function ran(stages: string) {
  const { state, orchestrate } = await freshOrchestrate()
  const { exitCode, stdout, stderr } = await orchestrate('run', await writeSavingPipeline(stages), '--json')
  expect([exitCode, stderr]).toEqual([0, expect.anything()])
  const { run } = JSON.parse(stdout)
  const left = () => readdir(join(state, 'certify')).catch(() => [])
  return { state, run, orchestrate, left, said: stderr }
}

test('a stage that resumes exactly gets its certificate beside the run, with how often and where it was killed', async () => {
  const { state, run, orchestrate, left, said } = await ran(
    `  train: { entry: train, resources: { ranks: 2, cores: 1 }, checkpoint: { every: 10 steps } }
  clock: { entry: train, with: { saves: when asked }, shards: 2 }
  odd: { entry: train, with: { steps: 2, warns: bits may differ } }`,
  )
  expect(said).toMatch(/^\S+ odd warning "bits may differ"$/m)
  const all = await orchestrate('certify', run, '--seed', '5', '--kills', '2')
  expect([all.exitCode, all.stdout]).toEqual([0, expect.stringMatching(/✔ +train +2 .*the same bits/)])
  expect(all.stderr).toMatch(/certifying train of r-\w+ with seed 5, about /)
  // It was not asked to save while it ran: what never saved is said, and can be named.
  expect(all.stderr).toContain('left out: clock: it saved nothing while it ran; name it')
  const named = await orchestrate('certify', 'clock', '--seed', '5', '--ranks', '3', '--with', 'steps=30')
  expect([named.exitCode, named.stderr]).toEqual([0, expect.anything()])

  const text = await readFile(join(state, 'reports', run, 'certificate.json'), 'utf8')
  const { certificates } = Certificates.parse(JSON.parse(text))
  expect(certificates).toMatchObject([
    { stage: 'train', verdict: 'same', ranks: 2, seed: 5, steps: 40, with: {}, warnings: [], notCompared: [] },
    { stage: 'clock', verdict: 'same', ranks: 3, shards: 2, steps: 30, with: { steps: 30 }, kills: [{}] },
  ])
  const [train] = certificates
  expect(train?.compared.map(({ what, count, difference }) => [what, count, difference])).toEqual([
    ['output model', 1, null],
    ['state at step 40', 1, null],
    ['metric loss', 40, null],
    ['results', 1, null],
    ['resume', 2, null],
  ])
  for (const { resumedFrom, step, reached } of train?.kills ?? []) {
    expect(resumedFrom).toBeGreaterThan(0)
    expect(resumedFrom).toBeLessThan(40)
    expect(reached).toBeGreaterThanOrEqual(step)
  }
  expect(await readFile(join(state, 'reports', run, 'certificate.md'), 'utf8')).toContain('| state at step 40 | 1 |')
  const { stdout } = await orchestrate('status', run)
  expect(stdout).toMatch(/^! odd: bits may differ$/m)
  expect(stdout).toMatch(/^certify +\S+certificate.md +\(resumed to the same bits: train and clock\)$/m)
  expect(await left()).toEqual([])
})

test('what does not resume exactly is found out, and said: where, and what it was without a stop', async () => {
  const faults = {
    entropy: 'draws from the system',
    again: 'begins again',
    loss: 'tells another loss',
    noise: 'saves noise',
  }
  const stages = Object.entries(faults).map(
    ([name, fault]) => `  ${name}: { entry: train, with: { fault: ${fault} }, checkpoint: { every: 10 steps } }`,
  )
  const { run, orchestrate, left } = await ran(stages.join('\n'))
  const { exitCode, stdout, stderr } = await orchestrate('certify', run, '--json', '--with', 'delay_ms=10')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(
    /✘ entropy resumes to other bits: output model: weights has SHA-256 \w{12}….*\(CERTIFY_DIFFERS\)/,
  )
  const { certificates } = JSON.parse(stdout)
  const found = certificates.map(({ stage, verdict, compared }: Certificates['certificates'][number]) => [
    stage,
    verdict,
    compared.filter(({ difference }) => difference !== null).map(({ what }) => what),
  ])
  expect(
    Object.fromEntries(found.map(([stage, verdict, what]: [string, string, string[]]) => [stage, [verdict, what]])),
  ).toEqual({
    entropy: ['different', ['output model', 'state at step 40', 'metric loss', 'results']],
    again: ['different', ['resume']],
    loss: ['different', ['metric loss']],
    noise: ['different', ['state at step 40']],
  })
  expect(await left()).toEqual([])
})

test('what can not be certified is one error with what to do', async () => {
  const { state, run, orchestrate } = await ran(
    '  never: { entry: train, with: { saves: never, steps: 12 } }\n  quick: { entry: train, with: { steps: 1 } }',
  )
  const certify = async (...args: string[]) => {
    const { exitCode, stderr } = await orchestrate('certify', ...args)
    return [exitCode, stderr]
  }
  expect(await certify(run)).toEqual([
    2,
    expect.stringMatching(/nothing of r-.*never: it saved nothing.*CERTIFY_NOTHING/),
  ])
  expect(await certify('never')).toEqual([2, expect.stringMatching(/or never saves \(CERTIFY_TOO_SHORT\)/)])
  expect(await certify('quick')).toEqual([2, expect.stringContaining('(CERTIFY_TOO_SHORT)')])
  expect(await certify('quick', '--with', 'stps=3')).toEqual([
    2,
    expect.stringContaining('there are delay_ms, fault, saves, steps, warns (ARGUMENT_INVALID)'),
  ])
  expect(await certify('quick', '--with', 'steps=many')).toEqual([
    1,
    expect.stringMatching(/quick: the twin that nobody stops ended with code 1.*\(CERTIFY_FAILED\)/),
  ])
  expect(await certify('r-nnnnn')).toEqual([2, expect.stringContaining('RUN_NOT_FOUND')])
  expect(existsSync(join(state, 'reports', run, 'certificate.json'))).toBe(false)
})

test('Ctrl-C ends it with 130, kills what runs, and leaves nothing behind', async () => {
  const { state, orchestrate, left } = await ran('  train: { entry: train, with: { steps: 3 } }')
  const certifying = orchestrate('certify', 'train', '--with', 'steps=100000')
  certifying.stderr?.on('data', (data: Buffer) => {
    if (data.includes('without a stop')) certifying.kill('SIGINT')
  })
  expect(await certifying).toMatchObject({ exitCode: 130, stdout: '', stderr: expect.stringContaining('stopped') })
  expect(await left()).toEqual([])
  expect(await readdir(join(state, 'certify'))).toEqual([])
})
