import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SlurmEngine } from '../../../../orchestrator/engines/slurm/slurm.ts'
import { slurmTests } from '../../../support/slurm.ts'
import { endOf, ends, eventually, look, never, newAttempt, untilReady } from '../contract/lab.ts'
import { openSlurmLab, type SlurmLab } from './slurm-lab.ts'

const { skip, title } = slurmTests('submitting to Slurm')

describe.skipIf(skip)(title, () => {
  let lab: SlurmLab
  let engine: SlurmEngine
  beforeAll(async () => {
    lab = await openSlurmLab({ nodes: 2 })
    engine = lab.engine()
  })
  afterAll(() => lab.close())

  const why = async (attempt: string) => {
    const seen = await look(engine, attempt)
    return seen?.state === 'queued' ? seen.why : JSON.stringify(seen)
  }
  /** Waits for room that never comes. */
  const hold = (patch = {}) => lab.engine({ extra: ['--hold'], ...patch })
  test('a job is named after its attempt, and carries the identity of the store', async () => {
    const launch = lab.job(['wait'])
    await engine.launch(launch)
    const { attempt } = launch.job
    await untilReady(engine, attempt)
    expect(await lab.queue('%j|%k|%T')).toContain(`${attempt}|store-1|RUNNING`)
    expect(await look(engine, attempt)).toMatchObject({ state: 'running', nodes: [expect.stringMatching(/^node\d$/)] })
    expect(await engine.living()).toEqual(new Set([attempt]))
    expect(await lab.engine({ directory: join(lab.folder, 'other') }).living()).toEqual(new Set([attempt]))
    await engine.signal(attempt, 'SIGKILL')
    await engine.ended(attempt, never())
  })

  test('twenty launches that need the same are one array, each with its own end', async () => {
    const launches = Array.from({ length: 20 }, (_, code) => lab.job(['leave', `${code}`]))
    const [first, ...rest] = launches
    if (!first) throw new Error('none')
    await Promise.all(launches.map((launch) => engine.launch(launch)))
    const names = (await lab.queue('%j')).filter((name) => name.startsWith('orchestrate-'))
    expect(new Set(names).size).toBe(1)
    expect(names.length).toBeGreaterThanOrEqual(rest.length)
    for (const [code, { job }] of launches.entries()) expect(ends(await endOf(engine, job.attempt))).toEqual([code])
    for (const { job } of launches) await lab.engine().forget(job.attempt)
    expect(
      readdirSync(join(lab.folder, 'store-1/arrays')).filter((name) => names.includes(name.split('.')[0] ?? '')),
    ).toEqual([])
  })

  test('a task of an array is told of, signalled and revoked like any other', async () => {
    const held = hold()
    const launches = Array.from({ length: 6 }, () => lab.job(['listen']))
    await Promise.all(launches.map((launch) => held.launch(launch)))
    const attempts = launches.map(({ job }) => job.attempt)
    const [first = '', second = '', ...others] = attempts
    expect(await held.living()).toEqual(new Set(attempts))
    for (const attempt of others) expect(await lab.engine().revoke(attempt)).toBe('revoked')
    await eventually(async () => expect(await engine.living()).toEqual(new Set([first, second])))
    const [array] = (await lab.queue('%F|%j|%T')).filter((line) => /orchestrate-.*PENDING/.test(line))
    await lab.slurm.run('scontrol', 'release', array?.split('|')[0] ?? '')
    for (const attempt of [first, second]) {
      await untilReady(engine, attempt)
      await engine.signal(attempt, 'SIGTERM')
      expect(ends(await endOf(engine, attempt))).toEqual([75])
    }
    for (const attempt of others) expect(await look(engine, attempt)).toEqual({ state: 'revoked' })
  })

  test('what waits says why, in Slurm’s words and in ours', async () => {
    const held = lab.job(['wait'])
    await hold().launch(held)
    const big = lab.job(['wait'], { nodes: 3, ranks: 3 })
    await engine.launch(big)
    await eventually(async () => {
      expect(await why(held.job.attempt)).toMatch(/^Slurm: JobHeldUser: its user holds it; `scontrol release \d+`/)
      expect(await why(big.job.attempt)).toMatch(/^Slurm: PartitionNodeLimit: its partition has fewer nodes/)
    })
    for (const { job } of [held, big]) expect(await engine.revoke(job.attempt)).toBe('revoked')
    await eventually(async () => expect((await lab.queue('%j|%T')).join()).not.toContain('PENDING'))
  })

  test('an expected start is told', async () => {
    const engineOfAll = lab.engine({ exclusive: true, time: '1h' })
    const [runs, waits] = [lab.job(['wait'], { nodes: 1 }), lab.job(['wait'], { nodes: 1 })]
    const blocked = lab.engine({ exclusive: true, time: '1h', extra: ['--nodes=2'] })
    await engineOfAll.launch(runs)
    await untilReady(engine, runs.job.attempt)
    await blocked.launch(waits)
    await eventually(async () => {
      const seen = await look(engine, waits.job.attempt)
      expect(seen).toMatchObject({ state: 'queued', why: expect.stringContaining('Resources') })
      const startsAt = seen?.state === 'queued' ? seen.startsAt : null
      expect(startsAt).toBeGreaterThan(Date.now())
      expect(startsAt).toBeLessThan(Date.now() + 2 * 3_600_000)
    })
    expect(await engine.revoke(waits.job.attempt)).toBe('revoked')
    await engine.signal(runs.job.attempt, 'SIGKILL')
    await engine.ended(runs.job.attempt, never())
  })

  test.each([
    ['--partition=nope', 'invalid partition', 'sinfo -s'],
    ['--reservation=nope', 'reservation', 'scontrol show reservation'],
    ['--constraint=nope', 'feature', '%f'],
    ['--gpus-per-node=99', 'node configuration', '%G'],
    ['--no-such-option', 'unrecognized option', 'sbatch --help'],
  ])('what Slurm refuses is said, with what to do: %s', async (option, what, advice) => {
    const launch = lab.job(['wait'])
    const refused = lab.engine({ extra: [option] }).launch(launch)
    await expect(refused).rejects.toMatchObject({ code: 'SLURM_REFUSED', exit: 2 })
    await expect(refused).rejects.toThrow(what)
    await expect(refused).rejects.toThrow(advice)
    expect(await look(engine, launch.job.attempt)).toEqual({ state: 'unclaimed' })
  })

  test('a directory that can not be written to is said before anything is submitted', async () => {
    const launch = lab.engine({ directory: '/dev/null/pool' }).launch(lab.job(['wait']))
    await expect(launch).rejects.toMatchObject({ code: 'POOL_DIRECTORY_UNUSABLE' })
  })

  test('a control plane that died after Slurm had accepted finds its job, and submits no other', async () => {
    const launch = lab.job(['wait'])
    const { attempt } = launch.job
    await hold().launch(launch)
    const path = join(engine.directory(attempt), 'slurm.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), id: null })) // as if it had not heard
    await lab.engine().launch(launch)
    expect((await lab.queue('%j')).filter((name) => name === attempt)).toHaveLength(1)
    expect((await look(lab.engine(), attempt))?.state).toBe('queued')
    expect(await engine.revoke(attempt)).toBe('revoked')
  })

  test('one that died before is launched again', async () => {
    const launch = lab.job(['leave', '0'])
    const { attempt } = launch.job
    const other = lab.job(['leave', '0'])
    await engine.launch(other)
    const { at, ...submission } = JSON.parse(
      readFileSync(join(engine.directory(other.job.attempt), 'slurm.json'), 'utf8'),
    )
    await lab
      .engine({ extra: ['--partition=nope'] })
      .launch(launch)
      .catch(() => {})
    const path = join(engine.directory(attempt), 'slurm.json')
    writeFileSync(path, JSON.stringify({ ...submission, at: at - 60_000, name: attempt, task: null, id: null }))
    expect(await look(engine, attempt)).toEqual({ state: 'unclaimed' })
    await engine.launch(launch)
    for (const one of [attempt, other.job.attempt]) expect(ends(await endOf(engine, one))).toEqual([0])
  })

  test('attempts of nobody are nothing', async () => {
    expect(await look(engine, newAttempt())).toEqual({ state: 'unclaimed' })
  })
})
