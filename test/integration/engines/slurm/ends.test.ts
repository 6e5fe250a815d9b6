import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SlurmEngine } from '../../../../orchestrator/engines/slurm/slurm.ts'
import { slurmTests } from '../../../support/slurm.ts'
import { endOf, ends, eventually, look, never, untilReady } from '../contract/lab.ts'
import { openSlurmLab, type SlurmLab } from './slurm-lab.ts'

const { skip, title } = slurmTests('ends of attempts on Slurm')

describe.skipIf(skip)(title, () => {
  let lab: SlurmLab
  let engine: SlurmEngine
  let limited: string
  beforeAll(async () => {
    lab = await openSlurmLab({ nodes: 3, jobcomp: 'yes', minJobAge: 5 })
    engine = lab.engine()
    limited = await started(['listen'], lab.engine({ time: '1m', warn: '1m', extra: ['--nodelist=node1'] }))
  })
  afterAll(() => lab.close())

  /** Waits for room that never comes. */
  const hold = (patch = {}) => lab.engine({ extra: ['--hold'], ...patch })
  const idOf = async (attempt: string) => {
    const [line] = (await lab.queue('%i|%j')).filter((one) => one.endsWith(`|${attempt}`))
    return line?.split('|')[0] ?? ''
  }

  test('an attempt that was cancelled by somebody else says so, with its record', async () => {
    const launch = lab.job(['listen'])
    const { attempt } = launch.job
    await engine.launch(launch)
    await untilReady(engine, attempt)
    await lab.slurm.run('scancel', await idOf(attempt))
    await engine.ended(attempt, never())
    expect(await look(engine, attempt)).toMatchObject({ state: 'exited', end: { kind: 'cancelled' } })
  })

  test('one that was cancelled before it began is over, and can not begin any more', async () => {
    const launch = { ...lab.job(['wait']), secrets: { TOKEN: 'hush' } }
    const { attempt } = launch.job
    await hold().launch(launch)
    expect((await look(engine, attempt))?.state).toBe('queued')
    await lab.slurm.run('scancel', await idOf(attempt))
    await Promise.all([engine.started(attempt, never()), engine.ended(attempt, never())])
    const over = { state: 'exited', exit: null, end: { kind: 'cancelled' } }
    for (const one of [engine, lab.engine()]) expect(await look(one, attempt)).toMatchObject(over)
    expect(existsSync(join(engine.directory(attempt), 'secrets.json'))).toBe(false)
    expect(JSON.parse(readFileSync(join(engine.directory(attempt), 'claim'), 'utf8'))).toEqual({ revoked: true })
  })

  test('an interpreter that nodes do not have is said', async () => {
    const launch = lab.job(['wait'])
    const { attempt } = launch.job
    await lab.engine({ python: '/no/such/python' }).launch(launch)
    await engine.ended(attempt, never())
    const end = { kind: 'refused', message: expect.stringContaining('launcher.log') }
    expect(await look(engine, attempt)).toMatchObject({ state: 'exited', exit: null, end })
    expect(readFileSync(join(engine.directory(attempt), 'launcher.log'), 'utf8')).toContain('/no/such/python')
  })

  const started = async (what: string[], one = engine, patch = {}) => {
    const launch = lab.job(what, patch)
    await one.launch(launch)
    await untilReady(engine, launch.job.attempt)
    return launch.job.attempt
  }
  const endedAs = async (attempt: string) => {
    await engine.ended(attempt, never())
    const seen = await look(engine, attempt)
    return seen?.state === 'exited' ? seen : null
  }

  test('one that somebody puts back into the queue counts as lost, and does not run again', async () => {
    const attempt = await started(['started'])
    const id = await idOf(attempt)
    await lab.slurm.run('scontrol', 'update', `JobId=${id}`, 'Requeue=1')
    await lab.slurm.run('scontrol', 'requeue', id)
    expect(await endedAs(attempt)).toMatchObject({ end: { kind: 'nodeLost' } })
    await eventually(async () => expect((await lab.queue('%j|%T')).join()).not.toContain(`${attempt}|PENDING`))
  })

  test('while slurmctld is away nothing ends but what says so itself', async () => {
    const [stays, leaves] = [await started(['wait']), await started(['listen'])]
    process.kill(Number(readFileSync(join(lab.slurm.folder, 'run/slurmctld.pid'), 'utf8')), 'SIGTERM')
    const launch = lab.job(['leave', '0'])
    try {
      await eventually(async () => expect((await look(engine, stays))?.state).toBe('unknown'))
      await expect(engine.launch(launch)).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' })
      await expect(engine.signal(stays, 'SIGTERM')).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' })
      await expect(engine.living()).rejects.toMatchObject({ code: 'SLURM_UNREACHABLE' })
    } finally {
      await lab.slurm.again()
    }
    await eventually(() => engine.launch(launch))
    await eventually(() => engine.signal(leaves, 'SIGTERM'))
    expect(ends(await endOf(engine, launch.job.attempt))).toEqual([0])
    expect(await endedAs(leaves)).toMatchObject({ exit: { ranks: [{ code: 75 }] } })
    expect((await look(engine, stays))?.state).toBe('running')
    await eventually(() => engine.signal(stays, 'SIGKILL'))
    await engine.ended(stays, never())
  })

  test.concurrent('a node that is lost ends it, and is named', async () => {
    const attempt = await started(['wait'], lab.engine({ extra: ['--nodelist=node3'] }))
    await lab.slurm.lose('node3')
    expect(await endedAs(attempt)).toMatchObject({ exit: null, end: { kind: 'nodeLost', nodes: ['node3'] } })
    await lab.slurm.again()
  })

  test.concurrent('what Slurm has forgotten is known all the same: by its record, by the list of completions, or as lost', async () => {
    const failed = lab.job(['leave', '3'])
    const cancelled = lab.job(['wait'])
    const blind = lab.engine({ poll: '1h' })
    await blind.launch(failed)
    await hold({ poll: '1h' }).launch(cancelled)
    await lab.slurm.run('scancel', await idOf(cancelled.job.attempt))
    const lost = lab.job(['wait']).job.attempt
    await eventually(async () => {
      const names = await lab.queue('%j')
      for (const { job } of [failed, cancelled]) expect(names).not.toContain(job.attempt)
    })
    const later = lab.engine()
    const directory = later.directory(lost)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'slurm.json'), JSON.stringify({ name: lost, task: null, at: 0, id: '999999' }))
    const seen = await later.observe([failed.job.attempt, cancelled.job.attempt, lost])
    expect(seen.get(failed.job.attempt)).toMatchObject({ state: 'exited', exit: { ranks: [{ code: 3 }] }, end: null })
    expect(seen.get(cancelled.job.attempt)).toMatchObject({ state: 'exited', exit: null, end: { kind: 'cancelled' } })
    expect(seen.get(lost)).toMatchObject({
      state: 'exited',
      exit: null,
      end: { kind: 'nodeLost', message: 'ended without a record, and Slurm has forgotten it (job 999999)' },
    })
  })

  test.concurrent('Slurm’s time limit is told ahead, and is called by its name', async () => {
    expect(await endedAs(limited)).toMatchObject({ end: { kind: 'time' } })
    expect(readFileSync(join(engine.directory(limited), 'stdout.0.log'), 'utf8')).toContain('SIGUSR1')
  })
})
